#include "simulator/completion_writer.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/text.h"

namespace moa::simulator {
namespace {

constexpr size_t kBytesPerToken = 4;

void AppendTimeInfo(std::string& out, const Completion& completion) {
  const Timing& timing = completion.timing;
  absl::StrAppendFormat(&out,
                        ",\"time_info\":{\"queue_time\":%.9g,\"prompt_time\":%.9g,"
                        "\"completion_time\":%.9g,\"total_time\":%.9g,\"created\":%.6f}",
                        timing.queue, timing.prompt, timing.completion, timing.total,
                        completion.created);
}

void AppendUsage(std::string& out, const Completion& completion) {
  int64_t reasoning = 0;
  for (const ReplyChoice& choice : completion.choices) reasoning += choice.reasoning_tokens;
  const int64_t generated = completion.completion_tokens();
  absl::StrAppend(&out, ",\"usage\":{\"prompt_tokens\":", completion.prompt_tokens,
                  ",\"completion_tokens\":", generated,
                  ",\"total_tokens\":", completion.prompt_tokens + generated,
                  ",\"prompt_tokens_details\":{\"cached_tokens\":", completion.cached_tokens,
                  "},\"completion_tokens_details\":{\"accepted_prediction_tokens\":0,"
                  "\"rejected_prediction_tokens\":0,\"reasoning_tokens\":",
                  reasoning, "}}");
}

// {"content":[{"token":…,"logprob":…,"bytes":[…],"top_logprobs":[]},…],"refusal":null}
void AppendLogprobs(std::string& out, absl::string_view text) {
  out += "{\"content\":[";
  bool first = true;
  while (!text.empty()) {
    absl::string_view token = Utf8Prefix(text, kBytesPerToken);
    text.remove_prefix(token.size());
    if (!first) out += ',';
    first = false;
    out += "{\"token\":";
    AppendJsonString(out, token);
    absl::StrAppend(&out, ",\"logprob\":-0.", 1 + token.size() % 7, ",\"bytes\":[");
    for (size_t i = 0; i < token.size(); ++i) {
      absl::StrAppend(&out, i == 0 ? "" : ",", static_cast<unsigned char>(token[i]));
    }
    out += "],\"top_logprobs\":[]}";
  }
  out += "],\"refusal\":null}";
}

void AppendChatChoice(std::string& out, const Completion& completion, size_t index) {
  const ReplyChoice& choice = completion.choices[index];
  absl::StrAppend(&out, "{\"finish_reason\":\"", choice.finish_reason, "\",\"index\":", index,
                  ",\"message\":{");
  if (choice.tool_call) {
    absl::StrAppend(&out, "\"content\":null,\"tool_calls\":[{\"id\":\"", choice.tool_call->id,
                    "\",\"type\":\"function\",\"function\":{\"name\":\"", choice.tool_call->name,
                    "\",\"arguments\":");
    AppendJsonString(out, choice.tool_call->arguments);
    out += "}}]";
  } else {
    out += "\"content\":";
    AppendJsonString(out, choice.content);
  }
  if (!choice.reasoning.empty()) {
    out += ",\"reasoning\":";
    AppendJsonString(out, choice.reasoning);
  }
  out += ",\"role\":\"assistant\"}";
  if (completion.logprobs) {
    out += ",\"logprobs\":";
    AppendLogprobs(out, choice.content);
    if (!choice.reasoning.empty()) {
      out += ",\"reasoning_logprobs\":";
      AppendLogprobs(out, choice.reasoning);
    }
  }
  out += '}';
}

void AppendTextChoice(std::string& out, const Completion& completion, size_t index) {
  const ReplyChoice& choice = completion.choices[index];
  absl::StrAppend(&out, "{\"finish_reason\":\"", choice.finish_reason, "\",\"index\":", index,
                  ",\"text\":");
  AppendJsonString(out, choice.content);
  out += ",\"logprobs\":null}";
}

std::string AfterChoices(const Completion& completion, const char* object) {
  return absl::StrCat(",\"created\":", static_cast<int64_t>(completion.created), ",\"model\":\"",
                      completion.model, "\",\"system_fingerprint\":\"", completion.fingerprint,
                      "\",\"object\":\"", object, "\"");
}

}  // namespace

int64_t Completion::completion_tokens() const {
  int64_t sum = 0;
  for (const ReplyChoice& choice : choices) sum += choice.completion_tokens;
  return sum;
}

std::string CompletionJson(const Completion& completion) {
  std::string out;
  size_t size = 800;
  for (const ReplyChoice& choice : completion.choices) {
    size += choice.content.size() + choice.reasoning.size() + 200;
  }
  out.reserve(size);
  absl::StrAppend(&out, "{\"id\":\"", completion.id, "\",\"choices\":[");
  for (size_t i = 0; i < completion.choices.size(); ++i) {
    if (i > 0) out += ',';
    if (completion.text_completion) {
      AppendTextChoice(out, completion, i);
    } else {
      AppendChatChoice(out, completion, i);
    }
  }
  out += ']';
  out +=
      AfterChoices(completion, completion.text_completion ? "text_completion" : "chat.completion");
  AppendUsage(out, completion);
  AppendTimeInfo(out, completion);
  out += '}';
  return out;
}

ChunkStream::ChunkStream(const Completion& completion, Options options, double tokens_per_chunk,
                         Random random)
    : completion_(completion),
      options_(options),
      tokens_per_chunk_(tokens_per_chunk),
      random_(random),
      prefix_(absl::StrCat("data: {\"id\":\"", completion.id, "\",\"choices\":[")),
      suffix_(AfterChoices(
          completion, completion.text_completion ? "text_completion" : "chat.completion.chunk")),
      stage_(completion.text_completion ? Stage::kContent : Stage::kRole) {}

void ChunkStream::Begin(std::string& out) const {
  out += prefix_;
  out += completion_.text_completion ? "{" : "{\"delta\":{";
}

void ChunkStream::End(std::string& out, bool usage) const {
  absl::StrAppend(&out, ",\"index\":", choice_, "}]", suffix_);
  if (usage) {
    AppendUsage(out, completion_);
    AppendTimeInfo(out, completion_);
  }
  out += "}\n\n";
}

absl::string_view ChunkStream::TakePiece(const std::string& text, int64_t* tokens) {
  const auto spread = static_cast<int64_t>(tokens_per_chunk_ * 0.4);
  const auto mean = static_cast<int64_t>(std::llround(tokens_per_chunk_));
  const int64_t count = std::max<int64_t>(1, mean + random_.Integer(-spread, spread));
  const absl::string_view rest = absl::string_view(text).substr(position_);
  const absl::string_view piece = Utf8Prefix(rest, static_cast<size_t>(count) * kBytesPerToken);
  position_ += piece.size();
  *tokens += CountTokens(piece.size());
  return piece;
}

bool ChunkStream::Next(std::string& out, int64_t* tokens) {
  *tokens = 0;
  switch (stage_) {
    case Stage::kEnd:
      return false;
    case Stage::kDone:
      out += "data: [DONE]\n\n";
      stage_ = Stage::kEnd;
      return true;
    case Stage::kUsage:
      absl::StrAppend(&out, prefix_, "]", suffix_);
      AppendUsage(out, completion_);
      AppendTimeInfo(out, completion_);
      out += "}\n\n";
      stage_ = Stage::kDone;
      return true;
    default:
      break;
  }
  SkipEmptyStages();
  if (stage_ == Stage::kFinish) {
    AppendFinish(out);
  } else {
    Begin(out);
    AppendDelta(out, tokens);
    End(out, false);
  }
  return true;
}

void ChunkStream::SkipEmptyStages() {
  const ReplyChoice& choice = completion_.choices[choice_];
  const auto finished = [&](Stage stage, const std::string& text) {
    return stage_ == stage && position_ >= text.size();
  };
  if (finished(Stage::kReasoning, choice.reasoning)) {
    position_ = 0;
    stage_ = choice.tool_call ? Stage::kToolStart : Stage::kContent;
  }
  if (finished(Stage::kContent, choice.content) ||
      (choice.tool_call && finished(Stage::kToolArguments, choice.tool_call->arguments))) {
    position_ = 0;
    stage_ = Stage::kFinish;
  }
}

// The delta of one chunk with text, a role or the start of a tool call.
void ChunkStream::AppendDelta(std::string& out, int64_t* tokens) {
  const ReplyChoice& choice = completion_.choices[choice_];
  switch (stage_) {
    case Stage::kRole:
      out += "\"role\":\"assistant\"}";
      stage_ = Stage::kReasoning;
      return;
    case Stage::kReasoning:
      out += "\"reasoning\":";
      AppendJsonString(out, TakePiece(choice.reasoning, tokens));
      if (options_.content_with_reasoning && position_ >= choice.reasoning.size() &&
          !choice.content.empty()) {
        position_ = 0;
        stage_ = Stage::kContent;
        out += ",\"content\":";
        AppendJsonString(out, TakePiece(choice.content, tokens));
      }
      out += '}';
      return;
    case Stage::kContent: {
      const absl::string_view piece = TakePiece(choice.content, tokens);
      out += completion_.text_completion ? "\"text\":" : "\"content\":";
      AppendJsonString(out, piece);
      if (completion_.text_completion) return;
      out += '}';
      if (completion_.logprobs) {
        out += ",\"logprobs\":";
        AppendLogprobs(out, piece);
      }
      return;
    }
    case Stage::kToolStart:
      absl::StrAppend(&out, "\"tool_calls\":[{\"function\":{\"name\":\"", choice.tool_call->name,
                      "\",\"arguments\":\"\"},\"type\":\"function\",\"id\":\"",
                      choice.tool_call->id, "\",\"index\":0}]}");
      stage_ = Stage::kToolArguments;
      return;
    case Stage::kToolArguments:
      out += "\"tool_calls\":[{\"function\":{\"arguments\":";
      AppendJsonString(out, TakePiece(choice.tool_call->arguments, tokens));
      out += "},\"type\":\"function\",\"index\":0}]}";
      return;
    case Stage::kFinish:
    case Stage::kUsage:
    case Stage::kDone:
    case Stage::kEnd:
      return;  // not deltas
  }
}

void ChunkStream::AppendFinish(std::string& out) {
  const bool last = choice_ + 1 == completion_.choices.size();
  Begin(out);
  out += completion_.text_completion ? "\"text\":\"\"" : "}";
  absl::StrAppend(&out, ",\"finish_reason\":\"", completion_.choices[choice_].finish_reason, "\"");
  End(out, last && !options_.usage_chunk_apart);
  if (!last) {
    ++choice_;
    stage_ = completion_.text_completion ? Stage::kContent : Stage::kRole;
  } else {
    stage_ = options_.usage_chunk_apart ? Stage::kUsage : Stage::kDone;
  }
}

}  // namespace moa::simulator
