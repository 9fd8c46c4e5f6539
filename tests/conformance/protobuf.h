// As much of the protobuf wire format as ONNX's test data need: fields of a message, one after the other.
#ifndef LOSSGEN_TESTS_PROTOBUF_H
#define LOSSGEN_TESTS_PROTOBUF_H

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>

namespace protobuf {

struct Field {
  int number = 0;
  uint64_t value = 0;  // varints and fixed-size numbers
  std::string bytes;   // strings, messages, packed numbers
  bool is_bytes = false;
  float as_float() const {
    const uint32_t low = static_cast<uint32_t>(value);
    float f;
    std::memcpy(&f, &low, sizeof(f));
    return f;
  }
};

class Reader {
 public:
  explicit Reader(const std::string &message) : at_(message.data()), end_(at_ + message.size()) {}

  bool next(Field *field) {
    if (at_ == end_) return false;
    const uint64_t key = varint();
    *field = Field();
    field->number = static_cast<int>(key >> 3);
    switch (key & 7) {
      case 0:
        field->value = varint();
        return true;
      case 1:
        field->value = fixed(8);
        return true;
      case 2: {
        const uint64_t size = varint();
        if (size > static_cast<uint64_t>(end_ - at_)) throw std::runtime_error("protobuf: cut off");
        field->bytes.assign(at_, size);
        field->is_bytes = true;
        at_ += size;
        return true;
      }
      case 5:
        field->value = fixed(4);
        return true;
      default:
        throw std::runtime_error("protobuf: unknown wire type");
    }
  }

  bool more() const { return at_ != end_; }
  uint64_t varint() {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) throw std::runtime_error("protobuf: cut off");
      const auto byte = static_cast<unsigned char>(*at_++);
      value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      if (!(byte & 0x80)) return value;
    }
    throw std::runtime_error("protobuf: varint too long");
  }

 private:
  uint64_t fixed(size_t size) {  // little endian, as the machines that run this
    if (static_cast<size_t>(end_ - at_) < size) throw std::runtime_error("protobuf: cut off");
    uint64_t value = 0;
    std::memcpy(&value, at_, size);
    at_ += size;
    return value;
  }

  const char *at_, *end_;
};

}  // namespace protobuf
#endif  // LOSSGEN_TESTS_PROTOBUF_H
