#pragma once

#include <cstdint>

#include "coordinator/runtime/worker_link.h"
#include "coordinator/scheduler/quota_book.h"

namespace moa {

// What an attempt's end means for its quota: whether the provider refused it, was busy or took it up, and how many
// tokens it has counted or, where it did not say, is likely to have counted. `prompt_tokens` is the estimate made
// before sending; `random` spreads pauses. Pure.
CallEnd CallEndOf(const EndedAttempt& ended, uint64_t prompt_tokens, uint64_t random);

}  // namespace moa
