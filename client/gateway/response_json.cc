#include "client/gateway/response_json.h"

#include "absl/strings/str_cat.h"
#include "client/gateway/facts_json.h"

namespace moa::gateway {
namespace {

constexpr absl::string_view kInProgress = "in_progress";

void WriteUsage(const JobFacts* facts, ObjectWriter& out) {
  if (facts == nullptr) return out.Null("usage");
  const v1::Usage& usage = facts->usage.tokens();
  out.BeginObject("usage");
  out.Count("input_tokens", usage.prompt_tokens());
  out.BeginObject("input_tokens_details");
  out.Count("cached_tokens", usage.cached_tokens());
  out.EndObject();
  out.Count("output_tokens", usage.completion_tokens());
  out.BeginObject("output_tokens_details");
  out.Count("reasoning_tokens", usage.reasoning_tokens());
  out.EndObject();
  out.Count("total_tokens", usage.total_tokens());
  out.EndObject();
}

void WriteOutcome(const ResponseState& state, ObjectWriter& out) {
  if (state.error == nullptr) {
    out.Null("error");
  } else {
    out.BeginObject("error");
    out.Text("code", state.error->code.empty() ? state.error->type : state.error->code);
    out.Text("message", state.error->message);
    out.EndObject();
  }
  if (state.incomplete_reason.empty()) return out.Null("incomplete_details");
  out.BeginObject("incomplete_details");
  out.Text("reason", state.incomplete_reason);
  out.EndObject();
}

void WriteOutput(const AnswerHead& head, const ResponseState& state, ObjectWriter& out) {
  out.BeginArray("output");
  if (state.answer != nullptr) {
    const v1::Completion& answer = *state.answer;
    if (!answer.reasoning().empty()) {
      WriteReasoning(nullptr, head, "completed", answer.reasoning(), out);
    }
    if (!answer.content().empty() || answer.tool_calls().empty()) {
      WriteMessage(nullptr, head, state.status, answer.content(), out);
    }
    uint64_t index = 0;
    for (const v1::ToolCall& call : answer.tool_calls()) {
      WriteCall(nullptr, CallId(head.job_id, index++), state.status, call, out);
    }
  }
  out.EndArray();
}

void BeginItem(const char* key, const std::string& id, const char* type, absl::string_view status,
               ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("id", id);
  out.Text("type", type);
  out.Text("status", status);
}

}  // namespace

std::string ResponseId(absl::string_view job_id) { return absl::StrCat("resp_", job_id); }
std::string ReasoningId(absl::string_view job_id) { return absl::StrCat("rs_", job_id); }
std::string MessageId(absl::string_view job_id) { return absl::StrCat("msg_", job_id); }
std::string CallId(absl::string_view job_id, uint64_t index) {
  return absl::StrCat("fc_", job_id, "_", index);
}

ResponseState EndState(absl::string_view finish_reason) {
  if (finish_reason == "length") {
    return {.status = "incomplete", .incomplete_reason = "max_output_tokens"};
  }
  if (finish_reason == "content_filter") {
    return {.status = "incomplete", .incomplete_reason = "content_filter"};
  }
  return {.status = "completed"};
}

void WriteResponse(const char* key, const AnswerHead& head, const ResponseEcho& echo,
                   const ResponseState& state, ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("id", ResponseId(head.job_id));
  out.Text("object", "response");
  out.Count("created_at", static_cast<uint64_t>(head.created_seconds));
  out.Text("status", state.status);
  out.Flag("background", false);
  WriteOutcome(state, out);
  out.Text("model", head.model);
  WriteOutput(head, state, out);
  for (const auto& [field, json] : echo) out.Raw(field.c_str(), json);
  WriteUsage(state.facts, out);
  if (state.facts != nullptr) WriteFacts(head, *state.facts, out);
  out.EndObject();
}

void WriteReasoning(const char* key, const AnswerHead& head, absl::string_view status,
                    absl::string_view text, ObjectWriter& out) {
  BeginItem(key, ReasoningId(head.job_id), "reasoning", status, out);
  out.BeginArray("summary");
  out.EndArray();
  out.BeginArray("content");
  if (status != kInProgress) WriteReasoningPart(nullptr, text, out);
  out.EndArray();
  out.EndObject();
}

void WriteMessage(const char* key, const AnswerHead& head, absl::string_view status,
                  absl::string_view text, ObjectWriter& out) {
  BeginItem(key, MessageId(head.job_id), "message", status, out);
  out.Text("role", "assistant");
  out.BeginArray("content");
  if (status != kInProgress) WriteTextPart(nullptr, text, out);
  out.EndArray();
  out.EndObject();
}

void WriteCall(const char* key, const std::string& id, absl::string_view status,
               const v1::ToolCall& call, ObjectWriter& out) {
  BeginItem(key, id, "function_call", status, out);
  out.Text("call_id", call.id());
  out.Text("name", call.name());
  out.Text("arguments", status == kInProgress ? absl::string_view() : call.arguments());
  out.EndObject();
}

void WriteReasoningPart(const char* key, absl::string_view text, ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("type", "reasoning_text");
  out.Text("text", text);
  out.EndObject();
}

void WriteTextPart(const char* key, absl::string_view text, ObjectWriter& out) {
  out.BeginObject(key);
  out.Text("type", "output_text");
  out.Text("text", text);
  out.BeginArray("annotations");
  out.EndArray();
  out.BeginArray("logprobs");
  out.EndArray();
  out.EndObject();
}

}  // namespace moa::gateway
