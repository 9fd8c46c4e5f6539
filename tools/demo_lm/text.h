// The bytes that the demo learns: files that the user names, or text that a fresh Debian machine has.
#ifndef LOSSGEN_DEMO_TEXT_H
#define LOSSGEN_DEMO_TEXT_H

#include <stddef.h>

#include <string>
#include <vector>

namespace demo {

// Below this a model has no time to learn and the comparison says nothing.
constexpr size_t kSmallestText = 16384;

struct Text {
  std::string bytes;
  std::string source;  // for people: "171 files, /usr/lib/python3.11/*.py"
  bool cut = false;    // the limit was reached
};

// The files one after the other, at most `limit` bytes. Throws std::runtime_error with a message that names the file.
Text read_files(const std::vector<std::string> &paths, size_t limit);

// The first of these that is large enough: Python's library sources, the C++ compiler's headers, the common licenses.
// Whole files in the order of their names, at most `limit` bytes.
Text default_text(size_t limit);

}  // namespace demo
#endif  // LOSSGEN_DEMO_TEXT_H
