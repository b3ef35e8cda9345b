#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace moa::simulator::coder {

// What critics and raters see in an answer that holds the challenge's function. They read the code, but not perfectly:
// docs/simulator-coder.md. Functions of their arguments.

// How good it is, from 0 to 1, give or take what a judge errs; nullopt for an answer without the function.
std::optional<double> WorthOf(absl::string_view answer, uint64_t seed);

// One or two sentences on what it does not take care of, in words that IssuesNamedIn knows; "" when nothing was noticed.
std::string FaultsNoticedIn(absl::string_view answer, uint64_t seed);

}  // namespace moa::simulator::coder
