#include "schedule_file.h"

#include <Halide.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdexcept>

#include "lossgen/kernel_names.h"
#include "pipeline_hash.h"

namespace lossgen {

namespace {

using nlohmann::json;

std::string quoted(const std::vector<std::string> &names) {
  std::string text;
  for (const std::string &n : names) text += (text.empty() ? "" : ", ") + n;
  return text;
}

// Throws what is wrong with a part of a file: where, and why.
[[noreturn]] void refuse(const std::string &where, const std::string &why) {
  throw std::invalid_argument(where + ": " + why);
}

void check_keys(const std::string &where, const json &object, const std::vector<std::string> &known) {
  if (!object.is_object()) refuse(where, "is " + std::string(object.type_name()) + ", expected an object");
  for (const auto &[key, value] : object.items())
    if (std::find(known.begin(), known.end(), key) == known.end())
      refuse(where, "unknown key '" + key + "' (known: " + quoted(known) + ")");
}

template <int Count>
std::vector<std::string> names(const char *const (&list)[Count]) {
  return {std::begin(list), std::end(list)};
}

// The fields by which an entry selects kernels, with the values that each may have.
const std::vector<std::pair<const char *, std::vector<std::string>>> &selectors() {
  static const std::vector<std::pair<const char *, std::vector<std::string>>> list = {{"op", names(kStageNames)},
                                                                                      {"dtype", names(kDtypeNames)},
                                                                                      {"layout", names(kLayoutNames)},
                                                                                      {"target", names(kTargetNames)}};
  return list;
}

void check_entry(const std::string &where, const json &entry) {
  check_keys(where, entry, {"op", "dtype", "layout", "target", "classes", "params", "measured"});
  for (const auto &[key, valid] : selectors()) {
    if (!entry.contains(key)) continue;
    const json &value = entry.at(key);
    if (!value.is_string() || std::find(valid.begin(), valid.end(), value.get<std::string>()) == valid.end())
      refuse(where + "." + key, value.dump() + " is not one of " + quoted(valid));
  }
  if (entry.contains("classes")) {
    const json &range = entry.at("classes");
    const bool pair =
        range.is_array() && range.size() == 2 && range[0].is_number_integer() && range[1].is_number_integer();
    if (!pair || range[0].get<int64_t>() < 0 || range[1].get<int64_t>() > kMaxClasses ||
        range[0].get<int64_t>() > range[1].get<int64_t>())
      refuse(where + ".classes",
             range.dump() + " is not [low, high] with 0 <= low <= high <= " + std::to_string(kMaxClasses));
  }
  if (!entry.contains("params") || !entry.at("params").is_object())
    refuse(where, "has no object \"params\" with the numbers to set");
  Params ignored;
  try {
    from_json(entry.at("params"), ignored);
  } catch (const std::exception &e) {
    refuse(where + ".params", e.what());
  }
}

bool matches(const json &entry, const KernelKey &k) {
  const std::string values[] = {kStageNames[k.stage], kDtypeNames[k.dtype], kLayoutNames[k.layout],
                                kTargetNames[k.target]};
  for (size_t i = 0; i < selectors().size(); i++)
    if (entry.contains(selectors()[i].first) && entry.at(selectors()[i].first).get<std::string>() != values[i])
      return false;
  if (!entry.contains("classes")) return true;
  return k.classes >= entry.at("classes")[0].get<int64_t>() && k.classes <= entry.at("classes")[1].get<int64_t>();
}

}  // namespace

std::string pipeline_hash() { return LOSSGEN_PIPELINE_HASH; }

std::string halide_version() {
  return std::to_string(HALIDE_VERSION_MAJOR) + "." + std::to_string(HALIDE_VERSION_MINOR) + "." +
         std::to_string(HALIDE_VERSION_PATCH);
}

json read_schedule_file(const std::string &path) {
  std::ifstream stream(path);
  if (!stream) throw std::invalid_argument("cannot read schedule file '" + path + "'");
  json file;
  try {
    file = json::parse(stream);
  } catch (const std::exception &e) {
    refuse(path, e.what());
  }
  check_keys(path, file, {"$schema", "schema_version", "tuned_with", "schedules"});
  if (file.value("schema_version", json(kScheduleSchemaVersion)) != kScheduleSchemaVersion)
    refuse(path, "schema_version = " + file.at("schema_version").dump() + ", this generator reads " +
                     std::to_string(kScheduleSchemaVersion));
  if (file.contains("tuned_with")) {
    const std::vector<std::string> keys = {"pipeline", "halide", "cpu", "command"};
    const json &with = file.at("tuned_with");
    check_keys(path + ": tuned_with", with, {"pipeline", "halide", "cpu", "gpu", "command", "machine", "seed"});
    for (const std::string &key : keys)
      if (!with.contains(key) || !with.at(key).is_string())
        refuse(path + ": tuned_with", "has no text \"" + key + "\"");
  }
  if (!file.contains("schedules") || !file.at("schedules").is_array()) refuse(path, "has no list \"schedules\"");
  size_t index = 0;
  for (const json &entry : file.at("schedules"))
    check_entry(path + ": schedules[" + std::to_string(index++) + "]", entry);
  return file;
}

std::string why_stale(const std::string &path, const json &file) {
  if (!file.contains("tuned_with")) return "";
  const json &with = file.at("tuned_with");
  const std::string pipeline = with.at("pipeline"), halide = with.at("halide");
  std::string text;
  if (pipeline != pipeline_hash()) text = "pipelines " + pipeline + ", this generator has " + pipeline_hash();
  else if (halide != halide_version()) text = "Halide " + halide + ", this generator has " + halide_version();
  else return "";
  return path + ": stale, tuned for " + text + ". Tune again: " + with.at("command").get<std::string>() +
         "\n(or SCHEDULES_STALE warn | ignore, --stale warn | ignore: the numbers are legal still, only perhaps not "
         "the best)";
}

void merge_schedule_files(const std::vector<std::string> &paths, Stale stale, const std::vector<Kernel *> &kernels) {
  for (const std::string &path : paths) {
    const json file = read_schedule_file(path);
    const std::string reason = stale == Stale::ignore ? "" : why_stale(path, file);
    if (!reason.empty() && stale == Stale::error) throw std::invalid_argument(reason);
    if (!reason.empty()) std::fprintf(stderr, "lossgen: %s\n", reason.c_str());
    const std::string name = std::filesystem::path(path).filename().string();
    for (const json &entry : file.at("schedules"))
      for (Kernel *kernel : kernels) {
        if (!matches(entry, kernel->key)) continue;
        from_json(entry.at("params"), kernel->params);
        settle_params(kernel->key, kernel->params);
        kernel->from = name;
      }
    for (const Kernel *kernel : kernels) {
      try {
        check_params(kernel->key, kernel->params);
      } catch (const std::exception &e) {
        refuse(path, kernel->symbol + ": " + e.what());
      }
    }
  }
}

nlohmann::ordered_json schedule_schema() {
  using ordered = nlohmann::ordered_json;
  ordered params = ordered::object(), entry = ordered::object();
  for (const ParamField &f : param_fields())
    params[f.name] = {{"type", "integer"}, {"minimum", f.low}, {"maximum", f.high}};
  for (const auto &[key, valid] : selectors()) entry[key] = {{"enum", valid}};
  entry["classes"] = {
      {"description", "class counts that kernels are built for, low and high; 0 = the kernel for any count"},
      {"type", "array"},
      {"items", {{"type", "integer"}, {"minimum", 0}, {"maximum", kMaxClasses}}},
      {"minItems", 2},
      {"maxItems", 2}};
  entry["params"] = {{"type", "object"}, {"properties", params}, {"additionalProperties", false}};
  entry["measured"] = {{"description", "what the tuner saw"}, {"type", "object"}};
  const ordered text = {{"type", "string"}};
  return {
      {"$schema", "https://json-schema.org/draft/2020-12/schema"},
      {"title", "lossgen schedule file"},
      {"type", "object"},
      {"properties",
       {{"$schema", text},
        {"schema_version", {{"const", kScheduleSchemaVersion}}},
        {"tuned_with",
         {{"type", "object"},
          {"properties",
           {{"pipeline", text},
            {"halide", text},
            {"cpu", text},
            {"gpu", text},
            {"command", text},
            {"machine", {{"type", "object"}}},
            {"seed", {{"type", "integer"}}}}},
          {"required", {"pipeline", "halide", "cpu", "command"}},
          {"additionalProperties", false}}},
        {"schedules",
         {{"type", "array"},
          {"items",
           {{"type", "object"}, {"properties", entry}, {"required", {"params"}}, {"additionalProperties", false}}}}}}},
      {"required", {"schedules"}},
      {"additionalProperties", false}};
}

}  // namespace lossgen
