#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace moa::simulator {

// Hashes and random numbers that are the same on every machine and in every run: what the simulator
// says is a function of its seed and of the request alone.

// 64 bits of `bytes` and `seed`; good for telling texts apart, not for security.
uint64_t Hash64(absl::string_view bytes, uint64_t seed);

// 16 lower-case hex digits.
std::string Hex16(uint64_t value);

// splitmix64: a few nanoseconds a number, one word of state. Externally synchronised.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next();
  // Uniform in [low, high]. REQUIRES: low <= high.
  int64_t Integer(int64_t low, int64_t high);
  // Uniform in [0, 1).
  double Real();
  double Real(double low, double high) { return low + (high - low) * Real(); }
  // Log-normal with this median; `sigma` is the deviation of the logarithm.
  double LogNormal(double median, double sigma);

 private:
  uint64_t state_;
};

// Appends `text` as a JSON string with its quotes. Well-formed UTF-8 passes as it is; control
// characters are escaped. Bytes that are not UTF-8 pass too: keeping them out is the caller's part.
void AppendJsonString(std::string& out, absl::string_view text);

}  // namespace moa::simulator
