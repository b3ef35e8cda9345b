#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "common/grading/grader.h"

namespace moa {

// {"total":96,"max":120,"grade":"B","checks":{"handles_empty_users_list":{"score":15,"max":15,"detail":"…"},…}}, the
// checks in the grader's order, with "reason" before "checks" where the total is 0. Ill-formed UTF-8 is repaired.
std::string GradeJson(const Grade& grade);

// The same, and before "checks" what makes it a critic's verdict (docs/job-file.md): "score" (10 for full marks), "accept" (for
// those alone) and "feedback".
std::string GradeReplyJson(const Grade& grade);

// Reads either of them; nullopt where it is neither.
std::optional<Grade> ReadGradeJson(absl::string_view json);

// What is to be mended, for whoever wrote the code: the total, then each check that lost points with what its call did. At
// most 3,000 bytes.
std::string Feedback(const Grade& grade);

}  // namespace moa
