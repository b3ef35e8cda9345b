#pragma once

#include <cstdint>
#include <vector>

namespace moa {

// How many jobs a member with `mine` unfinished jobs gives up so that the others, with `others`, get their part: those
// above the mean, once it has clearly more (a quarter, and 16). Moving a job costs a few writes, so small differences
// stay. Pure.
uint64_t JobsToRelease(uint64_t mine, const std::vector<uint64_t>& others);

}  // namespace moa
