#include "simulator/coder_judge.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "simulator/coder_detect.h"
#include "simulator/digest.h"

namespace moa::simulator::coder {
namespace {

constexpr double kErrorMax = 0.15;       // of a worth, in either direction
constexpr int64_t kNoticedPercent = 60;  // of the issues that are not taken care of
constexpr int64_t kFalsePercent = 4;     // of those that are
constexpr int kSaidMax = 2;

}  // namespace

std::optional<double> WorthOf(absl::string_view answer, uint64_t seed) {
  const std::string code = CodeIn(answer);
  if (code.empty()) return std::nullopt;
  Random random(Hash64(code, Hash64("worth", seed)));
  const double share =
      static_cast<double>(HandledIn(code).count()) / static_cast<double>(kIssues.size());
  return std::clamp(share + random.Real(-kErrorMax, kErrorMax), 0.0, 1.0);
}

std::string FaultsNoticedIn(absl::string_view answer, uint64_t seed) {
  const std::string code = CodeIn(answer);
  if (code.empty()) return "";
  Random random(Hash64(code, Hash64("faults", seed)));
  const IssueSet handled = HandledIn(code);
  const auto offset = static_cast<size_t>(random.Integer(0, kIssues.size() - 1));
  std::string said;
  int left = kSaidMax;
  for (size_t i = 0; i < kIssues.size() && left > 0; ++i) {
    const Issue issue = kIssues.at((i + offset) % kIssues.size());
    const int64_t percent = handled[IndexOf(issue)] ? kFalsePercent : kNoticedPercent;
    if (random.Integer(0, 99) >= percent) continue;
    absl::StrAppend(&said, said.empty() ? "" : " ", AdviceOn(issue));
    --left;
  }
  return said;
}

}  // namespace moa::simulator::coder
