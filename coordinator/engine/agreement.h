#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/moa_spec.h"

namespace moa {

// When answers of several agents count as the same one (job.proto, Match), and what an answer says of itself. Pure
// functions of texts.

// What of `answer` is compared; "" when there is nothing to compare: such an answer agrees with no other.
std::string MatchKey(absl::string_view answer, Match match);

// The answers that agree, largest group first, of equal ones the one whose first answer comes first. Each group has
// its answers' positions in order. Answers without a key are left out.
std::vector<std::vector<uint32_t>> GroupByAgreement(const std::vector<absl::string_view>& answers,
                                                    Match match);

// The confidence, 0 to 1, that `answer` states in its last "confidence: 0.8" or "confidence: 80%" (case and what
// emphasises the word do not matter); nullopt when it states none.
std::optional<double> StatedConfidence(absl::string_view answer);

// Which of `texts` are left when of any two only the first is kept whose distinct word 5-grams (word_grams.h) are the
// same in at least `share` of all that the two have together: their positions, in order.
std::vector<uint32_t> WithoutSimilar(const std::vector<absl::string_view>& texts, double share);

}  // namespace moa
