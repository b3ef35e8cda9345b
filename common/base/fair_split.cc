#include "common/base/fair_split.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace moa {

std::vector<uint64_t> FairSplit(uint64_t total, const std::vector<uint64_t>& needs) {
  std::vector<uint64_t> parts(needs.size(), 0);
  std::vector<size_t> order(needs.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return needs[a] < needs[b]; });
  // The least needs are met as long as all that come after could get as much.
  size_t met = 0;
  for (; met < order.size(); ++met) {
    if (needs[order[met]] > total / (order.size() - met)) break;
    parts[order[met]] = needs[order[met]];
    total -= needs[order[met]];
  }
  if (met == order.size()) met = 0;  // all of them: the rest is spread over all
  std::vector<size_t> rest(order.begin() + static_cast<ptrdiff_t>(met), order.end());
  std::sort(rest.begin(), rest.end());
  for (size_t i = 0; i < rest.size(); ++i) {
    parts[rest[i]] += total / rest.size() + (i < total % rest.size() ? 1 : 0);
  }
  return parts;
}

}  // namespace moa
