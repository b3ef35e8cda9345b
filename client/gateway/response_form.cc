#include "client/gateway/response_form.h"

#include "client/gateway/stream_text.h"

namespace moa::gateway {
namespace {

void WritePlace(const std::string& item_id, uint64_t index, ObjectWriter& out) {
  out.Text("item_id", item_id);
  out.Count("output_index", index);
}

void WriteItem(const AnswerHead& head, bool reasoning, absl::string_view status,
               absl::string_view text, ObjectWriter& out) {
  if (reasoning) return WriteReasoning("item", head, status, text, out);
  WriteMessage("item", head, status, text, out);
}

void WritePart(bool reasoning, absl::string_view text, ObjectWriter& out) {
  if (reasoning) return WriteReasoningPart("part", text, out);
  WriteTextPart("part", text, out);
}

std::string ItemId(const AnswerHead& head, bool reasoning) {
  return reasoning ? ReasoningId(head.job_id) : MessageId(head.job_id);
}

void WriteNoLogprobs(ObjectWriter& out) {
  out.BeginArray("logprobs");
  out.EndArray();
}

}  // namespace

template <typename Write>
std::string ResponseForm::Event(const char* type, const Write& write) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", type);
  out.Count("sequence_number", sequence_++);
  write(out);
  out.EndObject();
  return ServerSentEvent(out.Take(), type);
}

std::string ResponseForm::ResponseEvent(const char* type, const AnswerHead& head,
                                        const ResponseState& state) {
  return Event(type,
               [&](ObjectWriter& out) { WriteResponse("response", head, echo_, state, out); });
}

std::string ResponseForm::Whole(const AnswerHead& head, const v1::Completion& answer,
                                const JobFacts& facts) {
  ResponseState state = EndState(answer.finish_reason());
  state.answer = &answer;
  state.facts = &facts;
  ObjectWriter out;
  WriteResponse(nullptr, head, echo_, state, out);
  return out.Take();
}

std::string ResponseForm::Begin(const AnswerHead& head) {
  if (std::exchange(begun_, true)) return "";
  std::string events = ResponseEvent("response.created", head, {});
  events += ResponseEvent("response.in_progress", head, {});
  return events;
}

std::string ResponseForm::SignOfLife(const AnswerHead& head) {
  return begun_ ? kKeepAliveComment : Begin(head);
}

std::string ResponseForm::Text(const AnswerHead& head, const AnswerText::Piece& piece) {
  std::string events = Begin(head);
  // Thoughts that are told after the answer has begun have no place any more.
  if (!piece.reasoning.empty() && !message_.begun) {
    events += AddText(head, reasoning_, piece.reasoning);
  }
  if (!piece.content.empty()) {
    events += EndItem(head, reasoning_, "completed");
    events += AddText(head, message_, piece.content);
  }
  return events;
}

std::string ResponseForm::BeginItem(const AnswerHead& head, OpenItem& item) {
  if (std::exchange(item.begun, true)) return "";
  item.index = items_++;
  std::string events = Event("response.output_item.added", [&](ObjectWriter& out) {
    out.Count("output_index", item.index);
    WriteItem(head, item.reasoning, "in_progress", "", out);
  });
  events += Event("response.content_part.added", [&](ObjectWriter& out) {
    WritePlace(ItemId(head, item.reasoning), item.index, out);
    out.Count("content_index", 0);
    WritePart(item.reasoning, "", out);
  });
  return events;
}

std::string ResponseForm::AddText(const AnswerHead& head, OpenItem& item, absl::string_view text) {
  std::string events = BeginItem(head, item);
  item.text.append(text.data(), text.size());
  const char* type =
      item.reasoning ? "response.reasoning_text.delta" : "response.output_text.delta";
  events += Event(type, [&](ObjectWriter& out) {
    WritePlace(ItemId(head, item.reasoning), item.index, out);
    out.Count("content_index", 0);
    out.Text("delta", text);
    if (!item.reasoning) WriteNoLogprobs(out);
  });
  return events;
}

std::string ResponseForm::EndItem(const AnswerHead& head, OpenItem& item,
                                  absl::string_view status) {
  if (!item.begun || std::exchange(item.done, true)) return "";
  const std::string id = ItemId(head, item.reasoning);
  const char* type = item.reasoning ? "response.reasoning_text.done" : "response.output_text.done";
  std::string events = Event(type, [&](ObjectWriter& out) {
    WritePlace(id, item.index, out);
    out.Count("content_index", 0);
    out.Text("text", item.text);
    if (!item.reasoning) WriteNoLogprobs(out);
  });
  events += Event("response.content_part.done", [&](ObjectWriter& out) {
    WritePlace(id, item.index, out);
    out.Count("content_index", 0);
    WritePart(item.reasoning, item.text, out);
  });
  events += Event("response.output_item.done", [&](ObjectWriter& out) {
    out.Count("output_index", item.index);
    WriteItem(head, item.reasoning, status, item.text, out);
  });
  return events;
}

std::string ResponseForm::Call(const AnswerHead& head, uint64_t index, const v1::ToolCall& call,
                               absl::string_view status) {
  const uint64_t place = items_++;
  const std::string id = CallId(head.job_id, index);
  std::string events = Event("response.output_item.added", [&](ObjectWriter& out) {
    out.Count("output_index", place);
    WriteCall("item", id, "in_progress", call, out);
  });
  events += Event("response.function_call_arguments.delta", [&](ObjectWriter& out) {
    WritePlace(id, place, out);
    out.Text("delta", call.arguments());
  });
  events += Event("response.function_call_arguments.done", [&](ObjectWriter& out) {
    WritePlace(id, place, out);
    out.Text("name", call.name());
    out.Text("arguments", call.arguments());
  });
  events += Event("response.output_item.done", [&](ObjectWriter& out) {
    out.Count("output_index", place);
    WriteCall("item", id, status, call, out);
  });
  return events;
}

std::string ResponseForm::End(const AnswerHead& head, const v1::Completion& answer,
                              const JobFacts& facts) {
  ResponseState state = EndState(answer.finish_reason());
  std::string events = EndItem(head, reasoning_, "completed");
  if (answer.tool_calls().empty()) events += BeginItem(head, message_);
  events += EndItem(head, message_, state.status);
  uint64_t index = 0;
  for (const v1::ToolCall& call : answer.tool_calls()) {
    events += Call(head, index++, call, state.status);
  }
  // What was told, where the whole answer has more thoughts.
  v1::Completion told = answer;
  told.set_reasoning(reasoning_.text);
  state.answer = &told;
  state.facts = &facts;
  const bool whole = state.incomplete_reason.empty();
  events += ResponseEvent(whole ? "response.completed" : "response.incomplete", head, state);
  return events;
}

std::string ResponseForm::Fail(const AnswerHead& head, const ApiError& error,
                               const JobFacts& facts) {
  std::string events = Begin(head);
  ResponseState state{.status = "failed", .error = &error};
  if (facts.usage.upstream_calls() > 0) state.facts = &facts;
  events += ResponseEvent("response.failed", head, state);
  return events;
}

}  // namespace moa::gateway
