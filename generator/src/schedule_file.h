// Schedule files: JSON that overrides the built-in parameters of kernels.
//
// {"schema_version": 1,
//  "tuned_with": {"pipeline": "0f3a...", "halide": "21.0.0", "cpu": "...", "command": "lossgen tune ..."},
//  "schedules": [{"op": "cross_entropy_forward", "dtype": "f32", "layout": "rows", "target": "x86-64-v4",
//                 "classes": [0, 0], "params": {"unroll": 8}, "measured": {...}}]}
//
// op, dtype, layout, target and classes say which kernels an entry is for; one left out matches all. tuned_with and
// measured are the tuner's: a file written by hand has neither and never goes stale.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "request.h"

namespace lossgen {

constexpr int kScheduleSchemaVersion = 1;

// Hash of what a schedule was tuned for: algorithms, numerics and loops, without comments and default numbers.
std::string pipeline_hash();
std::string halide_version();

// The file's content, held against the schema. Throws std::invalid_argument with file, key and allowed values.
nlohmann::json read_schedule_file(const std::string &path);

// Why the file is out of date and how to tune it again; "" if it is not.
std::string why_stale(const std::string &path, const nlohmann::json &file);

// Overrides the kernels' parameters: the files in the order given, each from its first entry to its last, so that the
// last entry that names a parameter wins. Throws std::invalid_argument, also on combinations that a kernel cannot take.
void merge_schedule_files(const std::vector<std::string> &paths, Stale stale, const std::vector<Kernel *> &kernels);

// The JSON Schema of these files (schedules/schedule.schema.json).
nlohmann::ordered_json schedule_schema();

}  // namespace lossgen
