#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace moa {

// Numbers that follow from a seed alone, the same on every machine: a study that is replayed draws what it drew. The
// generator is xoshiro256** (Blackman and Vigna, 2018), seeded by splitmix64; the distributions are our own, since the
// standard's differ from library to library. A value type, externally synchronised.
class Random {
 public:
  // `stream` tells apart what is drawn for different purposes from one seed.
  Random(uint64_t seed, uint64_t stream);

  uint64_t Next();
  double Uniform();  // [0, 1)
  // [0, count). REQUIRES: count > 0.
  size_t Below(size_t count);
  double Normal();
  // An index, likelier where the weight is higher. REQUIRES: no weight is negative, their sum is positive.
  size_t Weighted(const std::vector<double>& weights);

  template <typename T>
  void Shuffle(std::vector<T>& items) {
    for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[Below(i)]);
  }

 private:
  uint64_t state_[4];
};

}  // namespace moa
