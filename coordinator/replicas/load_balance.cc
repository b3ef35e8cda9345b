#include "coordinator/replicas/load_balance.h"

#include <numeric>

namespace moa {
namespace {

constexpr uint64_t kSlack = 16;
constexpr uint64_t kSlackPart = 4;  // of the mean

}  // namespace

uint64_t JobsToRelease(uint64_t mine, const std::vector<uint64_t>& others) {
  if (others.empty()) return 0;
  const uint64_t all = std::accumulate(others.begin(), others.end(), mine);
  const uint64_t mean = all / (others.size() + 1);
  return mine > mean + mean / kSlackPart + kSlack ? mine - mean : 0;
}

}  // namespace moa
