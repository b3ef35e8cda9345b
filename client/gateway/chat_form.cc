#include "client/gateway/chat_form.h"

#include <cstdint>
#include <utility>

#include "client/gateway/chat_reply.h"
#include "client/gateway/stream_text.h"

namespace moa::gateway {

std::string ChatForm::Whole(const AnswerHead& head, const v1::Completion& answer,
                            const JobFacts& facts) {
  return CompletionJson(head, answer, facts);
}

std::string ChatForm::SignOfLife(const AnswerHead& /*head*/) { return kKeepAliveComment; }

std::string ChatForm::Text(const AnswerHead& head, const AnswerText::Piece& piece) {
  std::string events;
  if (!std::exchange(begun_, true)) events = ServerSentEvent(RoleChunk(head));
  if (!piece.empty()) events += ServerSentEvent(TextChunk(head, piece));
  return events;
}

std::string ChatForm::End(const AnswerHead& head, const v1::Completion& answer,
                          const JobFacts& facts) {
  std::string events;
  uint64_t index = 0;
  for (const v1::ToolCall& call : answer.tool_calls()) {
    events += ServerSentEvent(ToolCallChunk(head, index++, call));
  }
  events += ServerSentEvent(FinishChunk(head, answer.finish_reason(), facts));
  if (include_usage_) events += ServerSentEvent(UsageChunk(head, facts));
  events += ServerSentEvent("[DONE]");
  return events;
}

std::string ChatForm::Fail(const AnswerHead& /*head*/, const ApiError& error,
                           const JobFacts& /*facts*/) {
  return ServerSentEvent(ErrorJson(error));
}

}  // namespace moa::gateway
