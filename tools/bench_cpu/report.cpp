#include "report.h"

#include <math.h>
#include <stdio.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

#include "cases.h"

namespace bench {
namespace {

using Json = nlohmann::ordered_json;

// A number that is not one (no roofline for it) is null in JSON and stays NaN here.
Json number(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

double number(const Json &value) {
  return value.is_number() ? value.get<double>() : NAN;
}

Json json_of(const Row &row) {
  return {{"case", row.name},
          {"op", row.op},
          {"dtype", row.dtype},
          {"layout", row.layout},
          {"shape", row.shape},
          {"threads", row.threads},
          {"target", row.target},
          {"impl", row.impl},
          {"median_s", number(row.median_s)},
          {"min_s", number(row.min_s)},
          {"gbps", number(row.gbps)},
          {"roofline_gbps", number(row.roofline_gbps)},
          {"ratio", number(row.ratio)}};
}

Row row_of(const Json &json) {
  Row row;
  row.name = json.at("case").get<std::string>();
  row.op = json.at("op").get<std::string>();
  row.dtype = json.at("dtype").get<std::string>();
  row.layout = json.at("layout").get<std::string>();
  row.shape = json.at("shape").get<std::vector<int64_t>>();
  row.threads = json.at("threads").get<int>();
  row.target = json.at("target").get<std::string>();
  row.impl = json.at("impl").get<std::string>();
  row.median_s = number(json.at("median_s"));
  row.min_s = number(json.at("min_s"));
  row.gbps = number(json.at("gbps"));
  row.roofline_gbps = number(json.at("roofline_gbps"));
  row.ratio = number(json.at("ratio"));
  return row;
}

void write(const std::string &text, const std::string &path) {
  if (path == "-") {
    std::cout << text << std::flush;
    return;
  }
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
}

std::string in_quotes(const std::string &text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

std::string seconds(double s) {
  char text[32];
  const char *unit = s < 1e-6 ? "ns" : s < 1e-3 ? "us" : s < 1 ? "ms" : "s";
  const double value = s < 1e-6 ? s * 1e9 : s < 1e-3 ? s * 1e6 : s < 1 ? s * 1e3 : s;
  snprintf(text, sizeof text, "%.4g %s", value, unit);
  return text;
}

}  // namespace

std::string Results::fact(const std::string &name) const {
  for (const auto &fact : machine) {
    if (fact.first == name) return fact.second;
  }
  return "";
}

void print_machine(const Facts &facts) {
  for (const auto &fact : facts) printf("%-11s %s\n", fact.first.c_str(), fact.second.c_str());
  printf("\n");
}

void print_heading() {
  printf("%-9s %-39s %-5s %-16s %2s %-10s %-20s %11s %11s %8s %8s %6s\n", "case", "op", "dtype", "shape", "T", "target",
         "impl", "median", "min", "GB/s", "roofline", "ratio");
}

void print_rows(const std::vector<Row> &rows) {
  for (const Row &r : rows) {
    printf("%-9s %-39s %-5s %-16s %2d %-10s %-20s %11s %11s %8.2f %8.2f %6.2f\n", r.name.c_str(), r.op.c_str(),
           r.dtype.c_str(), text_of(r.shape).c_str(), r.threads, r.target.c_str(), r.impl.c_str(),
           seconds(r.median_s).c_str(), seconds(r.min_s).c_str(), r.gbps, r.roofline_gbps, r.ratio);
  }
  printf("\n");
  fflush(stdout);
}

void write_json(const Results &results, const std::string &path) {
  Json machine = Json::object();
  for (const auto &fact : results.machine) machine[fact.first] = fact.second;
  // One line a row: these files are compared and searched by line.
  std::string text = "{\"machine\": " + machine.dump(1) + ",\n\"rows\": [";
  for (size_t i = 0; i < results.rows.size(); i++) text += (i == 0 ? "\n" : ",\n") + json_of(results.rows[i]).dump();
  write(text + "\n]}\n", path);
}

void write_csv(const Results &results, const std::string &path) {
  std::ostringstream text;
  for (const auto &fact : results.machine) text << "# " << fact.first << ": " << fact.second << "\n";
  text << "case,op,dtype,layout,shape,threads,target,impl,median_s,min_s,gbps,roofline_gbps,ratio\n";
  text.precision(6);
  for (const Row &r : results.rows) {
    text << in_quotes(r.name) << ',' << r.op << ',' << r.dtype << ',' << r.layout << ',' << text_of(r.shape) << ','
         << r.threads << ',' << r.target << ',' << in_quotes(r.impl) << ',' << r.median_s << ',' << r.min_s << ','
         << r.gbps << ',' << r.roofline_gbps << ',' << r.ratio << "\n";
  }
  write(text.str(), path);
}

Results read_json(const std::string &path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  try {
    const Json json = Json::parse(file);
    Results results;
    for (const auto &fact : json.at("machine").items()) {
      results.machine.emplace_back(fact.key(), fact.value().is_string() ? fact.value().get<std::string>()
                                                                         : fact.value().dump());
    }
    for (const Json &row : json.at("rows")) results.rows.push_back(row_of(row));
    return results;
  } catch (const Json::exception &error) {
    throw std::runtime_error(path + " is not a result of this bench: " + error.what());
  }
}

int compare(const Results &before, const Results &after) {
  for (const char *fact : {"cpu", "cores", "compiler", "lossgen"}) {
    if (before.fact(fact) != after.fact(fact)) {
      printf("note: %s differs: %s | %s\n", fact, before.fact(fact).c_str(), after.fact(fact).c_str());
    }
  }
  const auto key = [](const Row &r) {
    return r.name + '|' + text_of(r.shape) + '|' + r.op + '|' + r.dtype + '|' + std::to_string(r.threads) + '|' +
           r.target + '|' + r.impl;
  };
  std::map<std::string, const Row *> old;
  for (const Row &row : before.rows) old[key(row)] = &row;
  printf("%-9s %-39s %-5s %-16s %2s %-10s %-20s %11s %11s %7s\n", "case", "op", "dtype", "shape", "T", "target", "impl",
         "before", "after", "after/b");
  int changed = 0, both = 0;
  for (const Row &r : after.rows) {
    const auto found = old.find(key(r));
    if (found == old.end()) continue;
    both++;
    const double ratio = r.median_s / found->second->median_s;
    const char *mark = ratio > 1.05 ? "  slower" : ratio < 1 / 1.05 ? "  faster" : "";
    changed += *mark != '\0';
    printf("%-9s %-39s %-5s %-16s %2d %-10s %-20s %11s %11s %7.3f%s\n", r.name.c_str(), r.op.c_str(), r.dtype.c_str(),
           text_of(r.shape).c_str(), r.threads, r.target.c_str(), r.impl.c_str(),
           seconds(found->second->median_s).c_str(), seconds(r.median_s).c_str(), ratio, mark);
  }
  printf("%d rows in both, %d changed by more than 5 %%; only before: %zu, only after: %zu\n", both, changed,
         before.rows.size() - both, after.rows.size() - both);
  return changed;
}

}  // namespace bench
