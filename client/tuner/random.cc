#include "client/tuner/random.h"

#include <bit>
#include <cmath>
#include <numbers>

#include "common/base/check.h"

namespace moa {
namespace {

uint64_t SplitMix(uint64_t& state) {
  uint64_t z = (state += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace

Random::Random(uint64_t seed, uint64_t stream) {
  uint64_t mixed = seed;
  uint64_t both = SplitMix(mixed) ^ stream;
  for (uint64_t& word : state_) word = SplitMix(both);
}

uint64_t Random::Next() {
  const uint64_t drawn = std::rotl(state_[1] * 5, 7) * 9;
  const uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return drawn;
}

double Random::Uniform() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

size_t Random::Below(size_t count) {
  MOA_CHECK(count > 0);
  return static_cast<size_t>(Uniform() * static_cast<double>(count));
}

double Random::Normal() {
  const double radius = std::sqrt(-2 * std::log(1 - Uniform()));
  return radius * std::cos(2 * std::numbers::pi * Uniform());
}

size_t Random::Weighted(const std::vector<double>& weights) {
  double sum = 0;
  for (const double weight : weights) sum += weight;
  MOA_CHECK(sum > 0);
  double left = Uniform() * sum;
  size_t last = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    last = i;
    if (left < weights[i]) return i;
    left -= weights[i];
  }
  return last;  // rounding
}

}  // namespace moa
