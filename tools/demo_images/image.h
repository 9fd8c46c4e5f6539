// Grey images, 8 bits a pixel, and what is known of a pixel before it is decoded.
#ifndef LOSSGEN_DEMO_IMAGE_H
#define LOSSGEN_DEMO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <string>
#include <utility>
#include <vector>

namespace demo {

// A patch is what the model looks at in one go: kPatch x kPatch pixels.
constexpr int kPatch = 16;
constexpr int kPatchPixels = kPatch * kPatch;

struct Image {
  std::string name;
  int width = 0, height = 0;
  std::vector<uint8_t> pixels;                        // row by row, without a frame
  std::vector<std::pair<std::string, size_t>> sizes;  // {"PNG", bytes}, as the file's comments have it

  // Also left, right and above of the image, at most kFrame pixels away: pixels that come before the row's own.
  int at(int x, int y) const { return framed[static_cast<size_t>((y + kFrame) * (width + 2 * kFrame) + x + kFrame)]; }
  size_t area() const { return pixels.size(); }

  static constexpr int kFrame = 4;
  std::vector<uint8_t> framed;
};

// A binary PGM file with 255 as its maximum. Throws std::runtime_error with a message that names the file.
Image read_pgm(const std::string &path);

// The left side becomes the right: another image of the same kind to learn from.
Image mirrored(const Image &image);

}  // namespace demo
#endif  // LOSSGEN_DEMO_IMAGE_H
