// Children: tasks beside each other, and one that answers questions.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace lossgen {

// Asked for by Ctrl-C or by the end of the budget: what is known is kept, the rest left. A second Ctrl-C ends the
// program.
bool stop_asked();
bool interrupted();  // by Ctrl-C
void stop_on_ctrl_c();
void stop_after(double seconds);
double seconds_left();  // until the budget ends; infinite without one

// Runs the tasks in children, `jobs` at a time, each with its output in a file and at most so many seconds. Returns
// what went wrong with each, "" where nothing did, "stopped" for those that a stop cut off. A task throws or returns.
struct Task {
  std::function<void()> run;
  std::string output;
};
std::vector<std::string> run_tasks(const std::vector<Task> &tasks, int jobs, double seconds);

// Runs a program, for use in a task. Throws if it fails.
void run_program(const std::vector<std::string> &words);
std::vector<std::string> split_words(const std::string &text);

// A measuring child (tools/tune/runner.cpp). `command` starts it: "" for here; "qemu-aarch64 {}", where {} is the
// program's path; or a shell to which the program is sent, as "ssh board".
class Runner {
 public:
  Runner(const std::string &program, const std::string &command, double seconds);
  ~Runner();
  Runner(const Runner &) = delete;

  // Throws std::runtime_error where the child says so, is gone, or takes too long; it is of no use then.
  nlohmann::json ask(const std::string &question);

 private:
  void end();
  std::string read_line();
  void send(const char *data, size_t bytes);

  int in_ = -1, out_ = -1, pid_ = -1;
  double seconds_;
  std::string unread_;
};

}  // namespace lossgen
