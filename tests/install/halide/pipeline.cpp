#include <Halide.h>
using namespace Halide;

int main() {
  ImageParam in(Float(32), 1, "in");
  Var x("x"), xo("xo"), xi("xi");
  Func blur("blur");
  blur(x) = (in(x) + in(x + 1) + in(x + 2)) / 3.0f;
  blur.split(x, xo, xi, 64).parallel(xo).vectorize(xi, 8);  // needs the runtime's thread pool
  const Target target("x86-64-linux-sse41-no_runtime");
  blur.compile_to_object("blur.o", {in}, "blur", target);
  blur.compile_to_header("blur.h", {in}, "blur", target);
  compile_standalone_runtime("halide_runtime.o", Target("x86-64-linux-sse41-cuda"));
  return 0;
}
