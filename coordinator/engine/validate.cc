#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

constexpr size_t kNameMax = 200;
constexpr size_t kTenantMax = 64;
void ValidateLabels(const JobSpec& spec, Violations* violations) {
  if (spec.name.size() > kNameMax) {
    violations->Add("name", absl::StrCat("has ", spec.name.size(), " bytes; at most 200 fit"));
  }
  if (!IsValidUtf8(spec.name)) violations->Add("name", "is not valid UTF-8");
  if (!spec.tenant.empty() && !IsName(spec.tenant.value(), kTenantMax, "._-")) {
    violations->Add("tenant", absl::StrCat("is ", Quoted(spec.tenant.value()),
                                           "; must be at most 64 of A-Z a-z 0-9 . _ -"));
  }
}

void ValidateDeadline(const JobSpec& spec, const JobLimits& limits, Violations* violations) {
  if (!spec.deadline.has_value()) return;
  if (*spec.deadline < absl::Milliseconds(1) || *spec.deadline > limits.deadline_max) {
    violations->Add(
        "deadline",
        absl::StrCat("is ", absl::FormatDuration(*spec.deadline), "; must be from 1ms to ",
                     absl::FormatDuration(limits.deadline_max), " (deadline_max)"));
  }
}

}  // namespace

std::vector<Violation> Validate(const JobSpec& spec, const ModelTable& models,
                                const JobLimits& limits) {
  Violations violations;
  ValidateLabels(spec, &violations);
  ValidateMessages(spec.messages, limits, &violations);
  const uint64_t moa_bytes = ValidateMoa(spec.moa, models, limits, &violations);
  ValidateTools(spec, limits, &violations);
  ValidateDeadline(spec, limits, &violations);
  ValidateBudget(spec, models, &violations);
  const uint64_t bytes = ConversationBytes(spec) + moa_bytes;
  if (bytes > limits.text_bytes_max) {
    violations.Add("",
                   absl::StrCat("the texts of the job have ", bytes, " bytes together; at most ",
                                limits.text_bytes_max, " are allowed (text_bytes_max)"));
  }
  return violations.Take();
}

}  // namespace moa
