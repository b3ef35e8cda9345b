#pragma once

#include <cstdint>
#include <vector>

namespace moa {

// Splits `total` by need, max-min fair: nobody gets more than it needs while another needs more. What is left when
// all needs are met is spread evenly. What does not divide evenly goes to the first ones, one each.
//
//   FairSplit(10, {2, 9, 9}) == {2, 4, 4}
//   FairSplit(10, {1, 2})    == {5, 5}      (1 and 2, and the 7 that are left: 4 and 3)
//
// The answer has as many elements as `needs` and sums to `total` exactly; no needs: no answer.
std::vector<uint64_t> FairSplit(uint64_t total, const std::vector<uint64_t>& needs);

}  // namespace moa
