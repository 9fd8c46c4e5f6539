#ifndef LOSSGEN_DEMO_WORDS_H
#define LOSSGEN_DEMO_WORDS_H

#include <stddef.h>

#include <string>

namespace demo {

std::string with_commas(size_t number);                          // 1,234,567
std::string decimals(double value, int digits);                  // 3.142
std::string shortened(const std::string &words, size_t length);  // ...the end of them

}  // namespace demo
#endif  // LOSSGEN_DEMO_WORDS_H
