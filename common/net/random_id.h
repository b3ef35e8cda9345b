#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace moa {

// A new id of 26 characters of Crockford's base 32: 48 bits of `wall` in milliseconds, then 80 random bits.
// Ids sort by time; within a millisecond those of this process sort by creation (the random part counts up),
// so no two are ever equal. Thread-safe.
std::string NewTimeOrderedId(absl::Time wall = absl::Now());

// True for what NewTimeOrderedId could have made: 26 characters of the alphabet, in upper case.
bool IsTimeOrderedId(absl::string_view id);

// 128 random bits as 26 characters of the same alphabet: the id of a process or a connection. Thread-safe.
std::string RandomId();

// 64 bits from the system's generator: seeds. Thread-safe.
uint64_t RandomSeed();

}  // namespace moa
