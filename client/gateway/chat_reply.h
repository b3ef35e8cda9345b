#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_form.h"
#include "moa/v1/job.pb.h"

namespace moa::gateway {

// The objects of OpenAI's chat completions. Pure functions; texts that are not well-formed UTF-8 are repaired.

// {"object":"chat.completion",…}: `usage` is the whole job's.
std::string CompletionJson(const AnswerHead& head, const v1::Completion& answer,
                           const JobFacts& facts);

// {"object":"chat.completion.chunk",…}
std::string RoleChunk(const AnswerHead& head);
std::string TextChunk(const AnswerHead& head, const AnswerText::Piece& piece);
std::string ToolCallChunk(const AnswerHead& head, uint64_t index, const v1::ToolCall& call);
std::string FinishChunk(const AnswerHead& head, absl::string_view finish_reason,
                        const JobFacts& facts);
std::string UsageChunk(const AnswerHead& head, const JobFacts& facts);

}  // namespace moa::gateway
