// What a tuning leaves: a schedule file.
#pragma once
#include "search.h"

namespace lossgen {

// Takes the units' winners into the file: their entries replace those of the same kernels, the others stay. A file of
// other pipelines is begun anew; one of another CPU or GPU is not touched: std::runtime_error.
void write_result(const std::string &path, const std::vector<Found> &found, const nlohmann::json &machine,
                  const std::string &command, uint64_t seed, int threads);

// The units and numbers that a tuned file holds, as its "measured" say. Throws where it holds none.
struct Tuned {
  Unit unit;
  nlohmann::json entries;
  double ratio;  // as measured then
};
std::vector<Tuned> read_result(const std::string &path, int *threads);

}  // namespace lossgen
