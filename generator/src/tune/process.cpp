#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <thread>

#include "files.h"

namespace lossgen {

namespace {

volatile sig_atomic_t stop = 0;
double budget_end = INFINITY;

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return std::string("ended by ") + strsignal(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

[[noreturn]] void become(const std::vector<std::string> &words) {
  std::vector<char *> argv;
  for (const std::string &w : words) argv.push_back(const_cast<char *>(w.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  std::fprintf(stderr, "cannot start %s: %s\n", argv[0], std::strerror(errno));
  _exit(127);
}

// The first line that speaks of an error, else the last one that says something.
std::string telling_line(const std::string &path) {
  std::istringstream text(read_file(path));
  std::string last;
  for (std::string line; std::getline(text, line);) {
    if (line.find("error") != std::string::npos || line.find("undefined reference") != std::string::npos) return line;
    if (line.find_first_not_of(" \t^~") != std::string::npos) last = line;
  }
  return last;
}

}  // namespace

bool interrupted() { return stop != 0; }
double seconds_left() { return budget_end - now(); }
bool stop_asked() { return interrupted() || seconds_left() <= 0; }
void stop_after(double seconds) { budget_end = now() + seconds; }

void stop_on_ctrl_c() {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    stop = 1;
    signal(SIGINT, SIG_DFL);
  };
  sigaction(SIGINT, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);  // a runner that is gone
}

std::vector<std::string> run_tasks(const std::vector<Task> &tasks, int jobs, double seconds) {
  struct Running {
    size_t task;
    double until;
  };
  std::vector<std::string> failures(tasks.size());
  std::map<pid_t, Running> running;
  size_t next = 0;
  while (!running.empty() || (next < tasks.size() && !stop_asked())) {
    if ((int)running.size() < jobs && next < tasks.size() && !stop_asked()) {
      const size_t task = next++;
      std::fflush(nullptr);
      const pid_t pid = fork();
      if (pid < 0) throw std::runtime_error("cannot start a process");
      if (pid == 0) {
        setpgid(0, 0);  // ended together with what it starts, and not by the terminal's Ctrl-C
        const int file = open(tasks[task].output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(file, 1), dup2(file, 2);
        int status = 1;
        try {
          tasks[task].run();
          status = 0;
        } catch (const std::exception &e) {
          std::fprintf(stderr, "%s\n", e.what());
        }
        std::fflush(nullptr);
        _exit(status);
      }
      running[pid] = {task, now() + seconds};
      continue;
    }
    bool ended = false;
    for (auto it = running.begin(); it != running.end();) {
      int status = 0;
      const auto [pid, what] = *it;
      const bool stopped = stop_asked(), late = stopped || now() > what.until;
      if (late) kill(-pid, SIGKILL);
      if (waitpid(pid, &status, late ? 0 : WNOHANG) == 0) {
        ++it;
        continue;
      }
      if (stopped) failures[what.task] = "stopped";
      else if (late) failures[what.task] = "took more than " + std::to_string((int)seconds) + " s";
      else if (status != 0) failures[what.task] = how_it_ended(status) + ": " + telling_line(tasks[what.task].output);
      it = running.erase(it);
      ended = true;
    }
    if (!ended) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  for (; next < tasks.size(); next++) failures[next] = "stopped";
  return failures;
}

void run_program(const std::vector<std::string> &words) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid == 0) become(words);
  int status = 0;
  if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
    throw std::runtime_error(words[0] + (pid < 0 ? " did not start" : " " + how_it_ended(status)));
}

std::vector<std::string> split_words(const std::string &text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

Runner::Runner(const std::string &program, const std::string &command, double seconds) : seconds_(seconds) {
  std::vector<std::string> words = split_words(command);
  bool sent = !words.empty();
  for (std::string &word : words) {
    const size_t at = word.find("{}");
    if (at == std::string::npos) continue;
    word.replace(at, 2, program);
    sent = false;
  }
  const std::string bytes = sent ? read_file(program) : "";
  if (words.empty()) words = {program};
  // The runner says something before it is asked, so head may read as far ahead as it likes.
  if (sent)
    words.push_back("f=$(mktemp) && head -c " + std::to_string(bytes.size()) +
                    " >$f && chmod +x $f && { $f; rm -f $f; }");

  int down[2], up[2];
  if (pipe2(down, O_CLOEXEC) != 0 || pipe2(up, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for a runner");
  std::fflush(nullptr);
  pid_ = fork();
  if (pid_ == 0) {
    setpgid(0, 0);
    dup2(down[0], 0), dup2(up[1], 1);
    if (!isatty(2) || command.empty()) dup2(open("/dev/null", O_WRONLY), 2);
    become(words);
  }
  close(down[0]), close(up[1]);
  in_ = down[1], out_ = up[0];
  if (pid_ < 0) throw std::runtime_error("cannot start a process");
  try {
    send(bytes.data(), bytes.size());
    read_line();
  } catch (const std::exception &e) {
    const std::string what = e.what();
    end();
    throw std::runtime_error((command.empty() ? "runner" : command) + ": " + what);
  }
}

Runner::~Runner() { end(); }

void Runner::end() {
  if (in_ >= 0) close(in_);
  if (out_ >= 0) close(out_);
  if (pid_ <= 0) return;
  // Its input has ended: it leaves, and what carried it cleans up. One that hangs is ended.
  for (int i = 0; i < 40; i++) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  kill(-pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Runner::send(const char *data, size_t bytes) {
  while (bytes > 0) {
    const ssize_t n = write(in_, data, bytes);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw std::runtime_error("is gone");
    data += n, bytes -= (size_t)n;
  }
}

std::string Runner::read_line() {
  const double until = std::min(now() + seconds_, budget_end);
  for (;;) {
    const size_t end = unread_.find('\n');
    if (end != std::string::npos) {
      const std::string line = unread_.substr(0, end);
      unread_.erase(0, end + 1);
      return line;
    }
    const int left = (int)((until - now()) * 1000);
    pollfd wait = {out_, POLLIN, 0};
    if (left <= 0 || poll(&wait, 1, left) == 0) {
      if (stop_asked()) throw std::runtime_error("stopped");
      throw std::runtime_error("no answer in " + std::to_string((int)seconds_) + " s");
    }
    char buffer[4096];
    const ssize_t n = read(out_, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      int status = 0;
      if (waitpid(pid_, &status, 0) == pid_) pid_ = -1;
      throw std::runtime_error(how_it_ended(status));
    }
    unread_.append(buffer, (size_t)n);
  }
}

nlohmann::json Runner::ask(const std::string &question) {
  const std::string line = question + "\n";
  send(line.data(), line.size());
  const std::string answer = read_line();
  const nlohmann::json json = nlohmann::json::parse(answer, nullptr, false);
  if (!json.is_object()) throw std::runtime_error("answered '" + answer.substr(0, 80) + "'");
  if (json.contains("error")) throw std::runtime_error(json.at("error").get<std::string>());
  return json;
}

}  // namespace lossgen
