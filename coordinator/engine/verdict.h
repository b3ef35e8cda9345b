#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/moa_spec.h"

namespace moa {

// What critics and routers are asked for, and how their replies are read. The form is JSON, asked for through the
// API's json_schema (within its strict limits, CEREBRAS_API section 2) and in words, for providers that know no
// schemas. The readers are tolerant (json_value.h): fences, prose, thoughts and a cut end do not matter; a score is
// clamped to 0 to 10 and may be text that holds a number; "accept" may be text that says yes or no. Pure.

// What one critic says of one answer.
struct Verdict {
  bool accept = true;
  double score = 0;  // 0 to 10
  std::string feedback{};
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// A critic's reply about `answers` answers.
struct CriticReply {
  // By the answer's position; absent where the critic said nothing readable of it.
  std::vector<std::optional<Verdict>> verdicts{};
  bool done = false;  // no further layer is needed
};

// nullopt: no verdict on any answer can be read.
std::optional<CriticReply> ReadCriticReply(absl::string_view reply, const Critique& critique,
                                           size_t answers);

// Positions in `names` that a router picked, at most `top`, in the order of `names`; empty when it picked nobody that
// there is. nullopt: no reply can be read.
std::optional<std::vector<uint32_t>> ReadRouterReply(absl::string_view reply,
                                                     const std::vector<std::string>& names,
                                                     uint32_t top);

// The forms that are asked for.
ResponseFormat CriticFormat(const Critique& critique);
ResponseFormat RouterFormat(const std::vector<std::string>& names);

}  // namespace moa
