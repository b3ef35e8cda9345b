#pragma once

#include <optional>

#include "absl/strings/string_view.h"
#include "common/document/field.h"
#include "common/document/problems.h"
#include "common/grading/grader.h"

namespace moa {

// What a grader's file may hold; beyond it is a problem. They bound a request to the sandbox and the time to score.
constexpr size_t kGraderCallsMax = 1'000;  // of all checks together
constexpr int kGraderPointsMax = 10'000;   // of one rule or case

// Reads a grader from YAML or JSON (docs/grading.md has the grammar). All mistakes are added to the problems with line
// and field, in the order of their lines; nullopt exactly when there is one.
std::optional<Grader> ReadGrader(absl::string_view text, absl::string_view file,
                                 Problems& problems);

// The same for a grader that is part of another file, whose problems the field reports to.
std::optional<Grader> ReadGrader(const Field& field);

}  // namespace moa
