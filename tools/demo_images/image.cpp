#include "image.h"

#include <errno.h>
#include <string.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace demo {
namespace {

constexpr int kLargestSide = 16384;

// The next number of the header. Comments may stand between its words; "# NAME BYTES" is what NAME needs.
int header_number(std::istream &file, Image *image) {
  while ((file >> std::ws).peek() == '#') {
    std::string line, mark, name;
    std::getline(file, line);
    std::istringstream words(line);
    size_t bytes = 0;
    if (words >> mark >> name >> bytes) image->sizes.emplace_back(name, bytes);
  }
  int number = -1;
  return file >> number ? number : -1;
}

void add_frame(Image *image) {
  constexpr int kFrame = Image::kFrame;
  const int w = image->width, h = image->height, stride = w + 2 * kFrame;
  image->framed.assign(static_cast<size_t>(stride * (h + kFrame)), 128);
  for (int y = 0; y < h; y++) {
    uint8_t *row = image->framed.data() + (y + kFrame) * stride + kFrame;
    std::copy_n(image->pixels.data() + static_cast<size_t>(y) * static_cast<size_t>(w), w, row);
    // Beside the row stand the ends of the row above, which a decoder knows by then.
    std::fill(row - kFrame, row, row[-stride]);
    std::fill(row + w, row + w + kFrame, row[w - 1 - stride]);
  }
}

}  // namespace

Image read_pgm(const std::string &path) {
  const auto fail = [&](const std::string &what) -> std::runtime_error {
    return std::runtime_error("cannot read " + path + ": " + what);
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) throw fail("it is a folder");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) throw fail(strerror(errno ? errno : EIO));
  Image image;
  image.name = std::filesystem::path(path).stem().string();
  char magic[2] = {};
  file.read(magic, 2);
  if (magic[0] != 'P' || magic[1] != '5') throw fail("not a binary PGM file (tools/demo --images decodes others)");
  image.width = header_number(file, &image);
  image.height = header_number(file, &image);
  if (header_number(file, &image) != 255) throw fail("not a grey image of 8 bits a pixel");
  if (std::min(image.width, image.height) < kPatch || std::max(image.width, image.height) > kLargestSide) {
    throw fail("sides must be from " + std::to_string(kPatch) + " to " + std::to_string(kLargestSide) + " pixels");
  }
  file.get();  // one white space ends the header
  image.pixels.resize(static_cast<size_t>(image.width) * static_cast<size_t>(image.height));
  file.read(reinterpret_cast<char *>(image.pixels.data()), static_cast<std::streamsize>(image.pixels.size()));
  if (!file) throw fail("it ends too early");
  add_frame(&image);
  return image;
}

Image mirrored(const Image &image) {
  Image result = image;
  for (auto row = result.pixels.begin(); row != result.pixels.end(); row += image.width) {
    std::reverse(row, row + image.width);
  }
  add_frame(&result);
  return result;
}

}  // namespace demo
