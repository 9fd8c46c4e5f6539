// Candidates timed beside the default.
#pragma once
#include "log.h"
#include "process.h"
#include "workshop.h"

namespace lossgen {

struct MeasureOptions {
  std::string runner;   // the command that starts the children
  double seconds = 60;  // a child may take for an answer
  int threads = 1;      // of the calls timed
};

struct Pace {
  int least, most;  // rounds; between them it goes on until the ratio is known well, or is clearly above or below 1
  int samples;      // of a round, of which the quickest counts
  double seconds;   // after which three rounds have to do
};
constexpr Pace kFirst = {5, 5, 9, 20}, kSecond = {15, 15, 9, 30}, kFinal = {15, 61, 9, 30};

// Runs and checks the candidates on every shape, then times them round by round, the default first in each round: a
// change of the machine's mood meets all of them. Fills in the measurements; the reason where one crashed, hung or was
// wrong, "stopped" where a stop left fewer rounds than pace.least.
void measure(const Unit &unit, const Workshop::Candidate &standard,
             const std::vector<const Workshop::Candidate *> &candidates, const MeasureOptions &options,
             const Pace &pace, std::vector<Measurement> *results);

double median(std::vector<double> values);
// Half the width of an interval around the median that holds the true one about 19 times in 20.
double uncertainty(const std::vector<double> &values);

}  // namespace lossgen
