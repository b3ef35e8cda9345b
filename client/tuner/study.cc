#include "client/tuner/study.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/tuner/random.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/hash/sha256.h"

namespace moa {
namespace {

constexpr size_t kIdDigits = 12;

std::string StudyId(const StudyOptions& options) {
  Sha256Hasher hasher;
  for (const auto& [name, value] : DescribeOptions(options)) {
    hasher.AddField(name);
    hasher.AddField(value);
  }
  std::string digits;
  for (const char byte : hasher.Finish()) {
    absl::StrAppend(&digits, absl::Hex(static_cast<unsigned char>(byte), absl::kZeroPad2));
  }
  return digits.substr(0, kIdDigits);
}

// What a value is once it was written and read.
template <typename T>
absl::StatusOr<T> Written(const std::string& line) {
  MOA_ASSIGN_OR_RETURN(HistoryLine read, ReadHistoryLine(line));
  return std::get<T>(std::move(read));
}

}  // namespace

Study::Study(StudyOptions options, Space space)
    : options_(std::move(options)),
      id_(StudyId(options_)),
      space_(std::move(space)),
      proposer_(space_, options_) {}

absl::StatusOr<Study> Study::Create(StudyOptions options) {
  MOA_RETURN_IF_ERROR(CheckOptions(options));
  MOA_ASSIGN_OR_RETURN(Space space, Space::Create(options.base, options.space));
  return Study(std::move(options), std::move(space));
}

Step Study::Next() {
  if (!begun_) {
    begun_ = true;
    lines_.push_back(StudyLine(id_, DescribeOptions(options_), options_.origin));
  }
  if (!requests_.empty() && replies_.size() == requests_.size()) SettleReplies();
  if (!open_.empty() && arrived_.size() == open_.size()) Settle();
  if (open_.empty() && requests_.empty() && !ended_) Decide();
  if (ended_) return *ended_;
  if (!requests_.empty()) {
    Rewriting rewriting;
    for (const ReflectionRequest& request : requests_) {
      if (!replies_.contains(request.number)) rewriting.requests.push_back(request);
    }
    return rewriting;
  }
  Batch batch{.number = batches_};
  for (const Trial& trial : open_) {
    if (!arrived_.contains(trial.number)) batch.trials.push_back(trial);
  }
  return batch;
}

absl::Status Study::Record(const TrialResult& result) {
  const bool waits = std::any_of(open_.begin(), open_.end(),
                                 [&](const Trial& trial) { return trial.number == result.trial; });
  if (!waits || arrived_.contains(result.trial)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "trial ", result.trial, waits ? " has a result already" : " was not handed out"));
  }
  // What is remembered is what can be read again.
  std::string line = ResultLine(result);
  MOA_ASSIGN_OR_RETURN(TrialResult written, Written<TrialResult>(line));
  arrived_.emplace(result.trial, std::move(written));
  lines_.push_back(std::move(line));
  return absl::OkStatus();
}

absl::Status Study::RecordReply(const ReflectionReply& reply) {
  const bool waits =
      std::any_of(requests_.begin(), requests_.end(),
                  [&](const ReflectionRequest& request) { return request.number == reply.number; });
  if (!waits || replies_.contains(reply.number)) {
    return absl::InvalidArgumentError(
        absl::StrCat("nobody waits for a reply to reflection ", reply.number));
  }
  std::string line = ReplyLine(reply);
  MOA_ASSIGN_OR_RETURN(ReflectionReply written, Written<ReflectionReply>(line));
  replies_.emplace(reply.number, std::move(written));
  lines_.push_back(std::move(line));
  return absl::OkStatus();
}

std::vector<std::string> Study::TakeLines() {
  std::vector<std::string> lines(std::make_move_iterator(lines_.begin()),
                                 std::make_move_iterator(lines_.end()));
  lines_.clear();
  return lines;
}

absl::Status Study::CheckHeader(const StudyHeader& header) const {
  for (const auto& [name, value] : DescribeOptions(options_)) {
    const auto found = header.options.find(name);
    const std::string there = found == header.options.end() ? "" : found->second;
    if (there == value) continue;
    return absl::FailedPreconditionError(absl::StrCat("the history is of another study: its ", name,
                                                      " is \"", there, "\", this one's \"", value,
                                                      "\""));
  }
  if (header.id == id_) return absl::OkStatus();
  return absl::FailedPreconditionError("the history is of another study");
}

absl::Status Study::Replay(absl::string_view line) {
  MOA_ASSIGN_OR_RETURN(const HistoryLine read, ReadHistoryLine(line));
  if (const auto* header = std::get_if<StudyHeader>(&read)) {
    if (begun_) return absl::InvalidArgumentError("a history has one beginning");
    MOA_RETURN_IF_ERROR(CheckHeader(*header));
    begun_ = true;
    return absl::OkStatus();
  }
  if (!begun_) return absl::InvalidArgumentError("a history begins with its study");
  Next();
  if (std::holds_alternative<DecisionLine>(read)) {
    if (lines_.empty() || lines_.front() != line) {
      return absl::InvalidArgumentError(
          "it is not what this program decides here: the history was changed, or is of another "
          "version");
    }
    lines_.pop_front();
    return absl::OkStatus();
  }
  if (!lines_.empty()) return absl::InvalidArgumentError("a decision before it is missing");
  const auto* result = std::get_if<TrialResult>(&read);
  MOA_RETURN_IF_ERROR(result != nullptr ? Record(*result)
                                        : RecordReply(std::get<ReflectionReply>(read)));
  lines_.clear();
  return absl::OkStatus();
}

StudyResult Study::Result(size_t ranking_max) const {
  StudyResult result;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    for (const TrialResult& run : candidates_[i].runs) result.max = std::max(result.max, run.max);
  }
  result.agents = ablation_.agents();
  result.spent = spent_;
  result.rewrites = rewrites_;
  const std::vector<size_t> ranked = candidates_.Ranked();
  if (ranked.empty()) return result;
  for (const size_t index : ranked) {
    if (result.ranking.size() == ranking_max) break;
    result.ranking.push_back(StandingOf(space_, candidates_, index, result.max));
  }
  if (result.ranking.size() == ranked.size()) result.front = ParetoFront(result.ranking);
  const size_t best = Best();
  result.best = StandingOf(space_, candidates_, best, result.max);
  result.moa = space_.Apply(candidates_[best].point);
  if (!candidates_[0].runs.empty()) {
    result.base = StandingOf(space_, candidates_, 0, result.max);
  }
  return result;
}

absl::StatusOr<size_t> ReplayHistory(absl::string_view text, Study& study) {
  size_t whole = 0;
  for (size_t line = 1;; ++line) {
    const size_t end = text.find('\n', whole);
    if (end == absl::string_view::npos) return whole;
    const absl::Status replayed = study.Replay(text.substr(whole, end - whole));
    if (!replayed.ok()) {
      return absl::Status(replayed.code(), absl::StrCat(line, ": ", replayed.message()));
    }
    whole = end + 1;
  }
}

}  // namespace moa
