// Formatted text into memory of fixed size: cut rather than overrun, with the length the whole text would have had.
#ifndef LOSSGEN_RUNTIME_TEXT_H
#define LOSSGEN_RUNTIME_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

namespace lossgen {

class Text {
 public:
  // data may be NULL when capacity is 0. The text is always terminated when capacity > 0.
  Text(char *data, size_t capacity) : data_(data), capacity_(capacity) {
    if (capacity_ > 0) data_[0] = '\0';
  }

  __attribute__((format(printf, 2, 3))) void add(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_list(format, arguments);
    va_end(arguments);
  }

  __attribute__((format(printf, 2, 0))) void add_list(const char *format, va_list arguments) {
    const size_t used = length_ < capacity_ ? length_ : capacity_;
    const int n = vsnprintf(used < capacity_ ? data_ + used : nullptr, capacity_ - used, format, arguments);
    if (n > 0) length_ += static_cast<size_t>(n);
  }

  size_t length() const { return length_; }  // of the full text, as snprintf counts

 private:
  char *data_;
  size_t capacity_;
  size_t length_ = 0;
};

}  // namespace lossgen
#endif  // LOSSGEN_RUNTIME_TEXT_H
