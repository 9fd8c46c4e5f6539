#include "words.h"

#include <stdio.h>

namespace demo {

std::string with_commas(size_t number) {
  std::string digits = std::to_string(number);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) digits.insert(static_cast<size_t>(i), ",");
  return digits;
}

std::string decimals(double value, int digits) {
  char buffer[64];
  snprintf(buffer, sizeof buffer, "%.*f", digits, value);
  return buffer;
}

std::string shortened(const std::string &words, size_t length) {
  return words.size() <= length ? words : "..." + words.substr(words.size() - length + 3);
}

}  // namespace demo
