// Where candidates are made: a unit's kernels with a candidate's numbers, linked with runtime and runner into a program
// that needs nothing else.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "space.h"

namespace lossgen {

struct Toolchain {
  std::string cxx;    // "aarch64-linux-gnu-g++ -mcpu=..."
  std::string share;  // folder with runtime/ and tune/: their sources
  std::filesystem::path work;
  int jobs = 2;
  double seconds = 300;  // a compilation may take
};

// The folder share/lossgen that goes with this command, in an installation or a build folder.
std::string own_share_folder();

class Workshop {
 public:
  // Compiles the sources that all candidates share, unless they are there from before.
  explicit Workshop(const Toolchain &tools);

  struct Candidate {
    Params point;
    nlohmann::json schedule;  // the content of the schedule file that it is made with
    std::string program;      // empty: see failure
    std::string failure;
  };
  // Makes the programs, in parallel.
  void make(const Unit &unit, std::vector<Candidate *> candidates);
  // The runner without kernels: for questions about the machine, and about its GPU where it may load the driver.
  std::string probe(bool loads_driver);
  // Removes the programs made so far.
  void clear();

 private:
  void link(const Unit &unit, const Candidate &candidate, const std::filesystem::path &folder) const;
  void link_program(const std::filesystem::path &objects, const std::string &program, bool loads_driver) const;

  Toolchain tools_;
  std::filesystem::path shared_;  // objects of runtime and runner, by compiler and sources
  std::string base_;              // the folder whose objects the next candidates start from
  Unit base_unit_;
  int made_ = 0;
};

}  // namespace lossgen
