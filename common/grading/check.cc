#include "common/grading/check.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/text.h"

namespace moa {
namespace {

constexpr size_t kExcerptMaxBytes = 200;

std::string Excerpt(absl::string_view text) {
  const absl::string_view head = Utf8Prefix(text, kExcerptMaxBytes);
  return absl::StrCat(head, head.size() < text.size() ? "…" : "");
}

// What a call did, for people.
std::string Describe(const EvaluationOutcome& outcome, const CallResult& result) {
  switch (outcome.kind) {
    case EvaluationOutcome::Kind::kReturned:
      return absl::StrCat("returned ", Excerpt(outcome.value),
                          result.raised ? ", which cannot be read as expected" : "");
    case EvaluationOutcome::Kind::kRaised:
      return absl::StrCat("raised ", Excerpt(outcome.error));
    case EvaluationOutcome::Kind::kTimeout:
      return "took too long";
    case EvaluationOutcome::Kind::kKilled:
      return absl::StrCat("ended the process", outcome.error.empty() ? "" : ": ",
                          Excerpt(outcome.error));
    case EvaluationOutcome::Kind::kNotRun:
      return "was not run";
  }
  return "";
}

bool CameToItsEnd(const EvaluationOutcome& outcome) {
  return outcome.kind == EvaluationOutcome::Kind::kReturned ||
         outcome.kind == EvaluationOutcome::Kind::kRaised;
}

CallResult ResultOf(const EvaluationCall& call, const EvaluationOutcome& outcome) {
  CallResult result;
  result.raised = outcome.kind == EvaluationOutcome::Kind::kRaised;
  result.error = outcome.error;
  if (result.raised) return result;
  result.value = ParseValue(outcome.value);
  result.arguments_before = ParseValue(call.arguments);
  result.arguments = ParseValue(outcome.arguments);
  return result;
}

Verdict JudgeAll(const std::vector<Condition>& conditions, const CallResult& call) {
  for (const Condition& condition : conditions) {
    const Verdict verdict = Judge(condition, call);
    if (verdict != Verdict::kHolds) return verdict;
  }
  return Verdict::kHolds;
}

// Whether the rule is true; nullopt when a call could not be read, which then counts as raised.
std::optional<bool> IsTrue(const Rule& rule, std::vector<CallResult>& results) {
  size_t holds = 0;
  for (CallResult& result : results) {
    const Verdict verdict = JudgeAll(rule.conditions, result);
    if (verdict == Verdict::kUnreadable) {
      result.raised = true;
      result.error.clear();
      return std::nullopt;
    }
    if (verdict == Verdict::kHolds) ++holds;
  }
  return holds >= (rule.calls_min == 0 ? results.size() : rule.calls_min);
}

// The first rule that is true, or null. Ends: each time that it begins anew one call more counts as raised, and those
// are read no more.
const Rule* FirstTrue(const std::vector<Rule>& rules, std::vector<CallResult>& results) {
  for (size_t i = 0; i < rules.size();) {
    const std::optional<bool> is_true = IsTrue(rules[i], results);
    if (is_true.value_or(false)) return &rules[i];
    i = is_true ? i + 1 : 0;
  }
  return nullptr;
}

}  // namespace

int Check::Max() const {
  int sum = 0;
  for (const CheckPart& part : parts) {
    int best = 0;
    for (const Rule& rule : part.rules) best = std::max(best, rule.points);
    sum += best;
  }
  return sum;
}

size_t Check::CallCount() const {
  size_t count = 0;
  for (const CheckPart& part : parts) count += part.calls.size();
  return count;
}

PartScore ScorePart(const CheckPart& part, const std::vector<EvaluationOutcome>& outcomes) {
  MOA_CHECK(outcomes.size() == part.calls.size());
  const auto ended = std::find_if_not(outcomes.begin(), outcomes.end(), CameToItsEnd);
  if (ended != outcomes.end()) return {0, Describe(*ended, {})};
  std::vector<CallResult> results;
  for (size_t i = 0; i < outcomes.size(); ++i) {
    results.push_back(ResultOf(part.calls[i], outcomes[i]));
  }
  const Rule* rule = FirstTrue(part.rules, results);
  // Of several calls the first that raised says most.
  const auto told = std::find_if(results.begin(), results.end(),
                                 [](const CallResult& result) { return result.raised; });
  const size_t shown = told == results.end() ? 0 : static_cast<size_t>(told - results.begin());
  const std::string did = Describe(outcomes[shown], results[shown]);
  const bool one_of_several = results.size() > 1;
  const std::string who = one_of_several ? absl::StrCat("call ", shown + 1, " ") : "";
  if (rule == nullptr || rule->detail.empty()) {
    return {rule == nullptr ? 0 : rule->points, absl::StrCat(who, did)};
  }
  return {rule->points, absl::StrCat(rule->detail, "; ", one_of_several ? who : "it ", did)};
}

}  // namespace moa
