#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "simulator/chat_request.h"
#include "simulator/model_table.h"
#include "simulator/personality.h"
#include "simulator/prompt.h"

namespace moa::simulator {

// How long replies are, in tokens: uniform between the two, before the request's own bound.
struct ReplyLength {
  int64_t min = 40;
  int64_t max = 240;
};

struct ReplyToolCall {
  std::string id;  // 9 hex digits
  std::string name;
  std::string arguments;  // JSON, valid for the tool's schema
};

struct ReplyChoice {
  std::string reasoning;  // empty: none
  std::string content;
  std::optional<ReplyToolCall> tool_call;
  const char* finish_reason = "stop";  // stop, length, tool_calls
  int64_t reasoning_tokens = 0;
  int64_t completion_tokens = 0;  // with the reasoning
};

// What a model answers: a short sentence, the tag of prompt.h, then plausible prose; or JSON or a
// tool call that carries the tag in its first string. Critics, raters and routers answer in their
// role (role_reply.h), coders with code (coder_reply.h), editors of prompts with edits, without a tag
// (prompt_editor.h). A function of the arguments alone. Reasoning
// counts towards max_completion_tokens and comes first, so a tight bound ends in finish_reason
// "length" with little or no content, as on the service.
class ReplyGenerator {
 public:
  ReplyGenerator(uint64_t seed, ReplyLength length, const Personality& personality = {})
      : seed_(seed), length_(length), personality_(personality) {}

  std::vector<ReplyChoice> Generate(const ChatRequest& request, const Model& model,
                                    const Prompt& prompt) const;

 private:
  ReplyChoice Choice(const ChatRequest& request, const Model& model, const Prompt& prompt,
                     int64_t index) const;

  const uint64_t seed_;
  const ReplyLength length_;
  const Personality personality_;
};

// The service's default and the request's wish: "none", "low", "medium" or "high".
std::string EffortOf(const ChatRequest& request, const Model& model);

}  // namespace moa::simulator
