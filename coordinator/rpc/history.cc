#include "coordinator/rpc/history.h"

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "coordinator/convert/codec.h"
#include "coordinator/convert/convert.h"

namespace moa {
namespace {

bool IsInstruction(const Message& message) {
  return message.role == Role::kSystem || message.role == Role::kDeveloper;
}

size_t BytesOf(const Message& message) {
  size_t bytes = message.content.size();
  for (const ToolCall& call : message.tool_calls) bytes += call.arguments.size();
  return bytes;
}

// The history without the turns that are too many. A turn begins with a user's message.
std::vector<Message> Bounded(std::vector<Message> history) {
  size_t begin = 0;  // of the turns
  while (begin < history.size() && IsInstruction(history[begin])) ++begin;
  size_t bytes = 0;
  for (const Message& message : history) bytes += BytesOf(message);
  size_t keep_from = begin;
  size_t left = history.size();
  const auto too_much = [&] { return left > kHistoryMessagesMax || bytes > kHistoryBytesMax; };
  while (too_much()) {
    size_t next = keep_from + 1;
    while (next < history.size() && history[next].role != Role::kUser) ++next;
    if (next >= history.size()) break;  // the last turn
    for (size_t i = keep_from; i < next; ++i) bytes -= BytesOf(history[i]);
    left -= next - keep_from;
    keep_from = next;
  }
  history.erase(history.begin() + static_cast<std::ptrdiff_t>(begin),
                history.begin() + static_cast<std::ptrdiff_t>(keep_from));
  return history;
}

// What tells one configuration from another, short enough for people.
std::string ConfigOf(const MoaSpec& moa) {
  constexpr size_t kBytes = 4;
  return absl::BytesToHexString(absl::string_view(HashSpec({.moa = moa})).substr(0, kBytes));
}

// That `job` may have what `earlier` has.
absl::Status CheckAnswered(const JobMachine& earlier, const v1::JobSpec& job,
                           absl::string_view what_for) {
  const std::string tenant = job.tenant().empty() ? "default" : job.tenant();
  if (earlier.plan().spec.tenant.value() != tenant) {
    return absl::InvalidArgumentError("names a job of another tenant");
  }
  if (earlier.state() == JobState::kSucceeded) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("names a job that is ", JobStateName(earlier.state()),
                   "; only one that has SUCCEEDED has an answer to ", what_for));
}

}  // namespace

absl::Status TakeAnswer(const JobMachine& graded, v1::JobSpec* job) {
  MOA_RETURN_IF_ERROR(CheckAnswered(graded, *job, "grade"));
  if (job->messages_size() > 0) {
    return absl::InvalidArgumentError("is given beside messages; the answer is what is graded");
  }
  if (!job->follows().empty()) {
    return absl::InvalidArgumentError("is given beside follows; give one of them");
  }
  const Text& content = graded.answer().content;
  if (content.empty()) return absl::InvalidArgumentError("names a job whose answer has no text");
  MessageToProto({.role = Role::kUser, .content = content}, job->add_messages());
  const JobUsage usage = graded.usage();
  GradedToProto({.name = graded.plan().spec.name,
                 .config = ConfigOf(graded.plan().spec.moa),
                 .total_tokens = TokensOf(usage.tokens),
                 .upstream_calls = usage.upstream_calls,
                 .cost_usd = usage.cost_usd,
                 .latency = graded.ended_at() - graded.accepted_at()},
                job->mutable_graded());
  return absl::OkStatus();
}

absl::Status PrependHistory(const JobMachine& earlier, v1::JobSpec* job) {
  MOA_RETURN_IF_ERROR(CheckAnswered(earlier, *job, "go on from"));
  std::vector<Message> history = earlier.plan().spec.messages;
  const Completion& answer = earlier.answer();
  history.push_back(
      {.role = Role::kAssistant, .content = answer.content, .tool_calls = answer.tool_calls});
  google::protobuf::RepeatedPtrField<v1::Message> own;
  own.Swap(job->mutable_messages());
  for (const Message& message : Bounded(std::move(history))) {
    MessageToProto(message, job->add_messages());
  }
  for (v1::Message& message : own) *job->add_messages() = std::move(message);
  return absl::OkStatus();
}

}  // namespace moa
