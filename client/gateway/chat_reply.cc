#include "client/gateway/chat_reply.h"

#include "absl/strings/str_cat.h"
#include "client/gateway/facts_json.h"
#include "client/json/object_writer.h"

namespace moa::gateway {
namespace {

void WriteHead(const char* object, const AnswerHead& head, ObjectWriter& out) {
  out.Text("id", absl::StrCat("chatcmpl-", head.job_id));
  out.Text("object", object);
  out.Count("created", static_cast<uint64_t>(head.created_seconds));
  out.Text("model", head.model);
}

void WriteToolCall(const v1::ToolCall& call, ObjectWriter& out) {
  out.Text("id", call.id());
  out.Text("type", "function");
  out.BeginObject("function");
  out.Text("name", call.name());
  out.Text("arguments", call.arguments());
  out.EndObject();
}

void WriteUsage(const v1::Usage& usage, ObjectWriter& out) {
  out.BeginObject("usage");
  out.Count("prompt_tokens", usage.prompt_tokens());
  out.Count("completion_tokens", usage.completion_tokens());
  out.Count("total_tokens", usage.total_tokens());
  out.BeginObject("prompt_tokens_details");
  out.Count("cached_tokens", usage.cached_tokens());
  out.EndObject();
  out.BeginObject("completion_tokens_details");
  out.Count("reasoning_tokens", usage.reasoning_tokens());
  out.EndObject();
  out.EndObject();
}

// A chunk with one choice, whose delta `write` fills; null where the answer goes on.
template <typename Write>
std::string Chunk(const AnswerHead& head, absl::string_view finish_reason, const JobFacts* facts,
                  Write write) {
  ObjectWriter out;
  out.BeginObject();
  WriteHead("chat.completion.chunk", head, out);
  out.BeginArray("choices");
  out.BeginObject();
  out.Count("index", 0);
  out.BeginObject("delta");
  write(out);
  out.EndObject();
  out.Null("logprobs");
  if (finish_reason.empty()) {
    out.Null("finish_reason");
  } else {
    out.Text("finish_reason", finish_reason);
  }
  out.EndObject();
  out.EndArray();
  if (facts != nullptr) WriteFacts(head, *facts, out);
  out.EndObject();
  return out.Take();
}

}  // namespace

std::string CompletionJson(const AnswerHead& head, const v1::Completion& answer,
                           const JobFacts& facts) {
  ObjectWriter out;
  out.BeginObject();
  WriteHead("chat.completion", head, out);
  out.BeginArray("choices");
  out.BeginObject();
  out.Count("index", 0);
  out.BeginObject("message");
  out.Text("role", "assistant");
  if (answer.content().empty() && !answer.tool_calls().empty()) {
    out.Null("content");
  } else {
    out.Text("content", answer.content());
  }
  out.Null("refusal");
  if (!answer.reasoning().empty()) out.Text("reasoning", answer.reasoning());
  if (!answer.tool_calls().empty()) {
    out.BeginArray("tool_calls");
    for (const v1::ToolCall& call : answer.tool_calls()) {
      out.BeginObject();
      WriteToolCall(call, out);
      out.EndObject();
    }
    out.EndArray();
  }
  out.EndObject();
  out.Null("logprobs");
  out.Text("finish_reason", answer.finish_reason().empty() ? "stop" : answer.finish_reason());
  out.EndObject();
  out.EndArray();
  WriteUsage(facts.usage.tokens(), out);
  WriteFacts(head, facts, out);
  out.EndObject();
  return out.Take();
}

std::string RoleChunk(const AnswerHead& head) {
  return Chunk(head, "", nullptr, [](ObjectWriter& out) {
    out.Text("role", "assistant");
    out.Text("content", "");
  });
}

std::string TextChunk(const AnswerHead& head, const AnswerText::Piece& piece) {
  return Chunk(head, "", nullptr, [&](ObjectWriter& out) {
    if (!piece.reasoning.empty()) out.Text("reasoning", piece.reasoning);
    if (!piece.content.empty()) out.Text("content", piece.content);
  });
}

std::string ToolCallChunk(const AnswerHead& head, uint64_t index, const v1::ToolCall& call) {
  return Chunk(head, "", nullptr, [&](ObjectWriter& out) {
    out.BeginArray("tool_calls");
    out.BeginObject();
    out.Count("index", index);
    WriteToolCall(call, out);
    out.EndObject();
    out.EndArray();
  });
}

std::string FinishChunk(const AnswerHead& head, absl::string_view finish_reason,
                        const JobFacts& facts) {
  return Chunk(head, finish_reason.empty() ? "stop" : finish_reason, &facts, [](ObjectWriter&) {});
}

std::string UsageChunk(const AnswerHead& head, const JobFacts& facts) {
  ObjectWriter out;
  out.BeginObject();
  WriteHead("chat.completion.chunk", head, out);
  out.BeginArray("choices");
  out.EndArray();
  WriteUsage(facts.usage.tokens(), out);
  out.EndObject();
  return out.Take();
}

}  // namespace moa::gateway
