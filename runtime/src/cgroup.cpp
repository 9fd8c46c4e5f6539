#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

namespace lossgen {
namespace {

// Lines of a file under /proc, without the heap. A line that does not fit is cut.
class Lines {
 public:
  explicit Lines(const char *path) : file_(open(path, O_RDONLY | O_CLOEXEC)) {}
  ~Lines() {
    if (file_ >= 0) close(file_);
  }
  Lines(const Lines &) = delete;
  Lines &operator=(const Lines &) = delete;

  const char *next() {
    size_t length = 0;
    bool any = false;
    for (char c; take(&c);) {
      any = true;
      if (c == '\n') break;
      if (length + 1 < sizeof(line_)) line_[length++] = c;
    }
    line_[length] = '\0';
    return any ? line_ : nullptr;
  }

 private:
  bool take(char *c) {
    if (used_ == filled_) {
      ssize_t n = -1;
      if (file_ >= 0) {
        do n = read(file_, buffer_, sizeof(buffer_));
        while (n < 0 && errno == EINTR);
      }
      if (n <= 0) return false;
      filled_ = static_cast<size_t>(n);
      used_ = 0;
    }
    *c = buffer_[used_++];
    return true;
  }

  int file_;
  size_t used_ = 0, filled_ = 0;
  char buffer_[1024];
  char line_[PATH_MAX];
};

// Whether the comma-separated list has the word.
bool has_word(const char *list, size_t length, const char *word) {
  const size_t size = strlen(word);
  for (const char *at = list, *end = list + length; at < end;) {
    const char *comma = static_cast<const char *>(memchr(at, ',', static_cast<size_t>(end - at)));
    const char *stop = comma != nullptr ? comma : end;
    if (static_cast<size_t>(stop - at) == size && memcmp(at, word, size) == 0) return true;
    at = stop + 1;
  }
  return false;
}

// Path of this process's group as /proc/self/cgroup has it: "hierarchy:controllers:path"; v2 has no controllers there.
bool own_group(const char *root, bool v2, char *group, size_t capacity) {
  char path[PATH_MAX];
  Text(path, sizeof(path)).add("%s/proc/self/cgroup", root);
  Lines lines(path);
  while (const char *line = lines.next()) {
    const char *controllers = strchr(line, ':');
    const char *at = controllers != nullptr ? strchr(controllers + 1, ':') : nullptr;
    if (at == nullptr) continue;
    ++controllers;
    const size_t length = static_cast<size_t>(at - controllers);
    if (v2 ? length != 0 : !has_word(controllers, length, "cpu")) continue;
    Text(group, capacity).add("%s", at + 1);
    return true;
  }
  return false;
}

// Where the hierarchy is mounted, and which group of it is at the mount point (containers see a part of the tree only).
// /proc/self/mountinfo: "36 35 0:31 /group /sys/fs/cgroup/cpu rw shared:9 - cgroup cgroup rw,cpu,cpuacct"
bool find_mount(const char *root, bool v2, char *mount, char *top, size_t capacity) {
  char path[PATH_MAX];
  Text(path, sizeof(path)).add("%s/proc/self/mountinfo", root);
  Lines lines(path);
  while (const char *line = lines.next()) {
    const char *dash = strstr(line, " - ");
    if (dash == nullptr) continue;
    const char *type = dash + 3;
    const size_t type_length = strcspn(type, " ");
    const char *wanted = v2 ? "cgroup2" : "cgroup";
    if (type_length != strlen(wanted) || memcmp(type, wanted, type_length) != 0) continue;
    const char *options = strrchr(type, ' ');
    if (options == nullptr || (!v2 && !has_word(options + 1, strlen(options + 1), "cpu"))) continue;
    const char *field = line;
    for (int skip = 0; skip < 3 && field != nullptr; ++skip) {
      field = strchr(field, ' ');
      if (field != nullptr) ++field;
    }
    if (field == nullptr) continue;
    const size_t top_length = strcspn(field, " ");
    const char *point = field + top_length + 1;
    if (field[top_length] == '\0') continue;
    Text(top, capacity).add("%.*s", static_cast<int>(top_length), field);
    Text(mount, capacity).add("%.*s", static_cast<int>(strcspn(point, " ")), point);
    return true;
  }
  return false;
}

// First line of folder/name, as "quota period" or one number; false when there is none or it says "max".
bool read_numbers(const char *folder, const char *name, int64_t *first, int64_t *second) {
  char path[PATH_MAX];
  Text(path, sizeof(path)).add("%s/%s", folder, name);
  Lines lines(path);
  const char *line = lines.next();
  if (line == nullptr) return false;
  char *end;
  *first = strtoll(line, &end, 10);
  if (end == line) return false;
  if (second != nullptr) *second = strtoll(end, nullptr, 10);
  return true;
}

int folder_limit(const char *folder, bool v2) {
  int64_t quota = 0, period = 0;
  if (v2) {
    if (!read_numbers(folder, "cpu.max", &quota, &period)) return 0;
  } else {
    if (!read_numbers(folder, "cpu.cfs_quota_us", &quota, nullptr)) return 0;
    if (!read_numbers(folder, "cpu.cfs_period_us", &period, nullptr)) return 0;
  }
  if (quota <= 0 || period <= 0) return 0;
  const int64_t cpus = (quota - 1) / period + 1;
  return cpus < INT_MAX ? static_cast<int>(cpus) : INT_MAX;
}

int hierarchy_limit(const char *root, bool v2) {
  char group[PATH_MAX], mount[PATH_MAX], top[PATH_MAX];
  if (!own_group(root, v2, group, sizeof(group)) || !find_mount(root, v2, mount, top, sizeof(mount))) return 0;
  // The group's path below the mount point; a path that is not below it belongs to another view of the tree.
  const char *below = group;
  const size_t top_length = strcmp(top, "/") == 0 ? 0 : strlen(top);
  if (strncmp(group, top, top_length) == 0 && (group[top_length] == '/' || group[top_length] == '\0')) {
    below = group + top_length;
  } else {
    below = "";
  }
  char folder[PATH_MAX];
  Text text(folder, sizeof(folder));
  text.add("%s%s", root, mount);
  const size_t base = text.length();
  text.add("%s", below);
  if (text.length() >= sizeof(folder)) return 0;
  int limit = 0;
  for (;;) {
    const int here = folder_limit(folder, v2);
    if (here > 0 && (limit == 0 || here < limit)) limit = here;
    char *slash = strrchr(folder, '/');
    if (slash == nullptr || strlen(folder) <= base || static_cast<size_t>(slash - folder) < base) return limit;
    *slash = '\0';
  }
}

}  // namespace

int cgroup_cpu_limit(const char *root) {
  const int v2 = hierarchy_limit(root, true);
  const int v1 = hierarchy_limit(root, false);
  if (v1 == 0 || v2 == 0) return v1 + v2;
  return v1 < v2 ? v1 : v2;
}

}  // namespace lossgen
