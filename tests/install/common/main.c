/* main LIBRARY...: the check, with these libraries registered. */
#include <stdio.h>

#include "check.h"

int main(int argc, char **argv) {
  int failed = check_loss(), i;
  for (i = 1; i < argc; ++i) failed |= check_library(argv[i], 1);
  if (!failed) printf("ok\n");
  return failed;
}
