#ifndef CHECK_H
#define CHECK_H
#ifdef __cplusplus
extern "C" {
#endif
int check_loss(void);
/* want: 1 if kernels of this library must be registered, 0 if none may be. */
int check_library(const char *name, int want);
#ifdef __cplusplus
}
#endif
#endif
