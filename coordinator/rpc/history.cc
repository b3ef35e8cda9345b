#include "coordinator/rpc/history.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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

}  // namespace

absl::Status PrependHistory(const JobMachine& earlier, v1::JobSpec* job) {
  const std::string tenant = job->tenant().empty() ? "default" : job->tenant();
  if (earlier.plan().spec.tenant.value() != tenant) {
    return absl::InvalidArgumentError("names a job of another tenant");
  }
  if (earlier.state() != JobState::kSucceeded) {
    const std::string state(JobStateName(earlier.state()));
    return absl::InvalidArgumentError(
        absl::StrCat("names a job that is ", state,
                     "; only one that has SUCCEEDED has an answer to go on from"));
  }
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
