#pragma once

#include <cstdint>
#include <vector>

#include "common/base/text.h"
#include "coordinator/engine/token_estimator.h"

namespace moa {

// How texts that are handed on are made to fit the window of the model that gets them (MOA section 3, rule 6): the
// longest are cut first, no text is cut below kFitTokensMin while others can be left out, and then the last ones go
// first. Pure.
inline constexpr uint64_t kFitTokensMin = 1000;

// How many tokens each of `tokens` may keep, so that all together fit `budget`; 0: it is left out.
std::vector<uint64_t> FitTokens(const std::vector<uint64_t>& tokens, uint64_t budget);

// `text` cut to at most `tokens` (by the estimator's upper bound for `model`), at code points: its beginning, a mark
// that says how much is missing, and its end, where conclusions stand. Empty when nothing sensible fits.
Text CutToTokens(const Text& text, uint64_t tokens, const std::string& model,
                 const TokenEstimator& estimator);

}  // namespace moa
