// Results: rows, the machine they are of, and the forms they are written in.
#ifndef LOSSGEN_BENCH_REPORT_H
#define LOSSGEN_BENCH_REPORT_H

#include <stdint.h>

#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Row {
  std::string name, op, dtype, layout;
  std::vector<int64_t> shape;
  int threads = 0;
  std::string target, impl;
  double median_s = 0, min_s = 0, gbps = 0, roofline_gbps = 0, ratio = 0;
};

// Facts about machine and run by name: cpu, cores, caches, memory, kernel, compiler, lossgen, date, load, command, ...
using Facts = std::vector<std::pair<std::string, std::string>>;

struct Results {
  Facts machine;
  std::vector<Row> rows;

  std::string fact(const std::string &name) const;  // "" where there is none
};

// machine.cpp
Facts machine_facts();
double load_average();  // of the last minute; -1 where unknown

void print_machine(const Facts &facts);
void print_heading();
void print_rows(const std::vector<Row> &rows);

// Files; "-" is standard output. Throw std::runtime_error.
void write_json(const Results &results, const std::string &path);
void write_csv(const Results &results, const std::string &path);
Results read_json(const std::string &path);

// Ratio of the times of each row that both have. Returns how many changed by more than 5 %.
int compare(const Results &before, const Results &after);

}  // namespace bench
#endif  // LOSSGEN_BENCH_REPORT_H
