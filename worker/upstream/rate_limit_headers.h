#pragma once

#include "absl/strings/string_view.h"
#include "worker/upstream/completion.h"

namespace moa::upstream {

// Takes one response header into `limits` when it is x-ratelimit-{limit,remaining,reset}-
// {requests,tokens}-{minute,hour,day} (CEREBRAS_API section 5); other headers, and values that are
// no numbers, change nothing. Counts are whole numbers, negative ones read as 0 and too large ones
// as the largest; a reset is seconds, clamped to 0 … 31 days. Returns whether it was one of these
// headers.
//
// `name` in any case. Pure.
bool AddRateLimitHeader(absl::string_view name, absl::string_view value, RateLimits* limits);

}  // namespace moa::upstream
