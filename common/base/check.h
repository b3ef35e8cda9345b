#pragma once

// Assertions for programmer errors. They stay on in release builds: a broken invariant ends the
// process (which loses nothing acknowledged) rather than letting it go on with wrong state. What the
// environment can cause (bad input, a full disk, a lost peer) is an absl::Status, never a check.

namespace moa::internal {

[[noreturn]] void CheckFailed(const char* file, int line, const char* condition);

}  // namespace moa::internal

// Aborts with file, line and the condition's text when `condition` is false. Any thread.
#define MOA_CHECK(condition)          \
  (__builtin_expect(!!(condition), 1) \
       ? (void)0                      \
       : ::moa::internal::CheckFailed(__FILE__, __LINE__, #condition))
