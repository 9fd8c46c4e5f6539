// exp2 and log for the F of the file that includes this.
namespace {

#ifndef BENCH_OWN_EXP2
// Rounding by adding 1.5 * 2^23, which leaves the integer in the low bits; 2^f by a minimax polynomial of degree 5
// (relative error 9e-8). Out of range it saturates, and the sum's check finds out.
inline F exp2_of(F t) {
  const F magic = F::all(12582912.0f);
  t = clamped(t, -126.0f, 126.0f);
  const F shifted = t + magic;
  const F f = t - (shifted - magic);
  F p = fma_of(F::all(1.326472667e-03f), f, F::all(9.671512677e-03f));
  p = fma_of(p, f, F::all(5.550733745e-02f));
  p = fma_of(p, f, F::all(2.402224208e-01f));
  p = fma_of(p, f, F::all(6.931469776e-01f));
  p = fma_of(p, f, F::all(1.0f));
  return times_power_of_two(p, shifted);
}
#endif

// log m = 2 atanh((m - 1) / (m + 1)); |the quotient| <= 0.2, so four terms after the first give 1e-8.
inline F log_of(F x) {
  F m, e;
  split(x, &m, &e);
  const F q = (m - F::all(1)) / (m + F::all(1)), z = q * q;
  F p = fma_of(F::all(2.0f / 9), z, F::all(2.0f / 7));
  p = fma_of(p, z, F::all(2.0f / 5));
  p = fma_of(p, z, F::all(2.0f / 3));
  p = fma_of(p, z, F::all(2.0f));
  return fma_of(e, F::all(0.69314718056f), p * q);
}

}  // namespace
