/* host PLUGIN: opens, uses and closes it many times; threads and mappings must be gone each time. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int threads(void) {
  DIR *tasks = opendir("/proc/self/task");
  int count = -2; /* . and .. */
  if (!tasks) return -1;
  while (readdir(tasks)) ++count;
  closedir(tasks);
  return count;
}

static int mapped(const char *path) {
  char line[4096];
  int found = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  if (!maps) return -1;
  while (fgets(line, sizeof line, maps)) found |= strstr(line, path) != NULL;
  fclose(maps);
  return found;
}

int main(int argc, char **argv) {
  int i, wait;
  if (argc != 2) return 2;
  for (i = 0; i < 100; ++i) {
    void *plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    int (*check)(void);
    if (!plugin) {
      printf("%s\n", dlerror());
      return 1;
    }
    *(void **)&check = dlsym(plugin, "plugin_check");
    if (!check || check()) {
      printf("round %d failed\n", i);
      return 1;
    }
    if (dlclose(plugin)) return 1;
    /* A joined thread may still be listed for a moment while the kernel takes it down. */
    for (wait = 0; threads() != 1 && wait < 2000; ++wait) usleep(1000);
    if (threads() != 1) {
      printf("round %d: %d threads are left\n", i, threads());
      return 1;
    }
    if (mapped(argv[1]) != 0) {
      printf("round %d: the plugin is still mapped\n", i);
      return 1;
    }
  }
  printf("ok\n");
  return 0;
}
