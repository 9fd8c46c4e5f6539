#include "cost_map.h"

#include <math.h>

#include <algorithm>
#include <array>

#include "svg.h"
#include "words.h"

namespace demo {
namespace {

using Palette = std::array<std::array<uint8_t, 3>, 256>;

constexpr double kMostBits = 12;  // the map's last colour stands for this and more

const Palette kGreys = [] {
  Palette palette;
  for (int i = 0; i < 256; i++) palette[static_cast<size_t>(i)].fill(static_cast<uint8_t>(i));
  return palette;
}();

// Dark for cheap, bright for dear; straight lines between five colours.
const Palette kHeat = [] {
  constexpr double kStops[5][3] = {{4, 6, 30}, {76, 22, 110}, {190, 55, 82}, {246, 145, 30}, {252, 250, 180}};
  Palette palette;
  for (size_t i = 0; i < 256; i++) {
    const double at = static_cast<double>(i) / 255 * 4;
    const size_t stop = std::min<size_t>(3, static_cast<size_t>(at));
    for (size_t c = 0; c < 3; c++) {
      palette[i][c] = static_cast<uint8_t>(
          lround(kStops[stop][c] + (at - static_cast<double>(stop)) * (kStops[stop + 1][c] - kStops[stop][c])));
    }
  }
  return palette;
}();

std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift & 255);
  return bytes;
}

std::string chunk(const std::string &type, const std::string &data) {
  const std::string body = type + data;
  uint32_t crc = 0xffffffffu;
  for (const char c : body) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return big_endian(static_cast<uint32_t>(data.size())) + body + big_endian(~crc);
}

// zlib's format without compression: a picture inside an SVG needs a container, not an encoder.
std::string stored(const std::string &data) {
  constexpr size_t kBlock = 65535;
  std::string out = "\x78\x01";
  for (size_t begin = 0; begin < data.size(); begin += kBlock) {
    const size_t size = std::min(kBlock, data.size() - begin);
    out += static_cast<char>(begin + size == data.size());
    for (const size_t number : {size, ~size}) {
      out += static_cast<char>(number & 255);
      out += static_cast<char>(number >> 8 & 255);
    }
    out.append(data, begin, size);
  }
  uint32_t a = 1, b = 0;  // Adler-32
  for (const char c : data) {
    a = (a + static_cast<uint8_t>(c)) % 65521;
    b = (b + a) % 65521;
  }
  return out + big_endian(b << 16 | a);
}

std::string base64(const std::string &bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t three = 0;
    for (size_t j = i; j < i + 3; j++) three = three << 8 | (j < bytes.size() ? static_cast<uint8_t>(bytes[j]) : 0);
    for (size_t j = 0; j < 4; j++) out += i + j > bytes.size() ? '=' : kDigits[three >> (18 - 6 * j) & 63];
  }
  return out;
}

std::string png_url(int width, int height, const std::vector<uint8_t> &pixels, const Palette &palette) {
  std::string colors, lines;
  for (const auto &color : palette) colors.append(color.begin(), color.end());
  for (auto row = pixels.begin(); row != pixels.end(); row += width) {
    lines += '\0';  // no filter
    lines.append(row, row + width);
  }
  const std::string header = big_endian(static_cast<uint32_t>(width)) + big_endian(static_cast<uint32_t>(height)) +
                             std::string("\x08\x03\0\0\0", 5);  // 8 bits, palette
  return "data:image/png;base64," + base64("\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + chunk("PLTE", colors) +
                                           chunk("IDAT", stored(lines)) + chunk("IEND", ""));
}

}  // namespace

void write_cost_maps(const std::string &path, const std::vector<Image> &images,
                     const std::vector<std::vector<float>> &costs) {
  constexpr double kLeft = 20, kColumn = 410, kGap = 20, kTop = 70, kLine = 26, kLegend = 60;
  const auto shown_height = [&](const Image &image) { return kColumn * image.height / image.width; };
  double height = kTop + kLegend;
  for (const Image &image : images) height += kLine + shown_height(image) + kGap;

  Svg svg(static_cast<int>(2 * kLeft + 2 * kColumn + kGap), static_cast<int>(height), "Cost per pixel, lossgen demo");
  svg.text(kLeft, 28, "What each pixel of the held-back images costs", "start", 16, "#111111", "bold");
  svg.text(kLeft, 48, "left the image, right the bits that the model needs for each pixel", "start", 12);
  double at = kTop;
  for (size_t i = 0; i < images.size(); i++) {
    const Image &image = images[i];
    double bits = 0;
    std::vector<uint8_t> heat;
    for (const float cost : costs[i]) {
      bits += static_cast<double>(cost);
      heat.push_back(static_cast<uint8_t>(std::min(255.0, static_cast<double>(cost) / kMostBits * 255)));
    }
    svg.text(kLeft, at + 16, image.name);
    svg.text(kLeft + kColumn + kGap, at + 16,
             decimals(bits / static_cast<double>(image.area()), 3) + " bits per pixel");
    at += kLine;
    svg.image(kLeft, at, kColumn, shown_height(image), png_url(image.width, image.height, image.pixels, kGreys));
    svg.image(kLeft + kColumn + kGap, at, kColumn, shown_height(image),
              png_url(image.width, image.height, heat, kHeat));
    at += shown_height(image) + kGap;
  }
  std::vector<uint8_t> ramp(256);
  for (size_t i = 0; i < ramp.size(); i++) ramp[i] = static_cast<uint8_t>(i);
  const Scale scale = {0, kMostBits, kLeft + kColumn + kGap, kLeft + 2 * kColumn + kGap};
  svg.image(scale.first_pixel, at, kColumn, 14, png_url(256, 1, ramp, kHeat));
  svg.text(kLeft + kColumn, at + 12, "bits per pixel", "end", 12);
  for (double bits = 0; bits <= kMostBits; bits += 2) {
    svg.text(scale(bits), at + 32, decimals(bits, 0), bits < kMostBits ? "middle" : "end", 12);
  }
  svg.write(path);
}

}  // namespace demo
