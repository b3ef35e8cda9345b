#include "simulator/reply.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"
#include "simulator/coder_brief.h"
#include "simulator/coder_reply.h"
#include "simulator/digest.h"
#include "simulator/json_schema.h"
#include "simulator/prompt_editor.h"
#include "simulator/role_reply.h"

namespace moa::simulator {
namespace {

constexpr size_t kTokenBytes = 4;
constexpr size_t kQuoteBytesMax = 60;

constexpr const char* kOpenings[] = {
    "Here is how I would put it.",  "A short answer first.",
    "Let us take it step by step.", "The main point is simple.",
    "Three things matter here.",    "It depends, but mostly it is this.",
};
constexpr const char* kPhrases[] = {
    "the first step is the one that most people skip",
    "keep the parts small enough to check",
    "a plan is only as good as its weakest assumption",
    "measure before you change anything",
    "two views of the same thing rarely agree at once",
    "the simplest form is worth trying first",
    "what looks like noise is often a second cause",
    "write down what would prove you wrong",
    "the cost comes later than the benefit",
    "most of the gain is in the first half",
    "a café on the corner — open late — would do",
    "leave room for what was not foreseen",
    "the order matters more than the speed",
    "compare like with like ✓",
    "an example helps more than a definition",
    "naïve guesses are a fair baseline 🙂",
};
constexpr const char* kThoughts[] = {
    "The user wants an answer to this. ",  "We should check what was asked. ",
    "There are several ways to read it. ", "The earlier answers need a critical look. ",
    "Keep it short and correct. ",         "Consider the obvious objection first. ",
};

template <typename Array>
const char* Pick(const Array& array, Random& random) {
  return array[static_cast<size_t>(random.Integer(0, static_cast<int64_t>(std::size(array)) - 1))];
}

// `text` cut to `tokens` at a code point.
void CutToTokens(std::string& text, int64_t tokens) {
  const auto size_max = static_cast<size_t>(std::max<int64_t>(tokens, 0)) * kTokenBytes;
  text.resize(Utf8Prefix(text, size_max).size());
}

int64_t ReasoningTokens(const std::string& effort, Random& random) {
  if (effort == "low") return random.Integer(6, 12);
  if (effort == "medium") return random.Integer(16, 32);
  if (effort == "high") return random.Integer(60, 120);
  return 0;
}

// The beginning of the last user message, for a reply that reads like an answer to it.
std::string Quote(const ChatRequest& request) {
  for (auto message = request.messages.rbegin(); message != request.messages.rend(); ++message) {
    if (message->role != "user" || message->content.empty()) continue;
    std::string line(Utf8Prefix(message->content, kQuoteBytesMax));
    line.resize(std::min(line.size(), line.find_first_of("\r\n")));
    // A tag in a quotation would count as one more digest that reached the next layer.
    if (absl::StrContains(line, "[sim ") || line.empty()) return "";
    return absl::StrCat("About “", line, "”:");
  }
  return "";
}

std::string Prose(const ChatRequest& request, const Model& model, absl::string_view tag,
                  int64_t tokens, Random& random) {
  const size_t size = static_cast<size_t>(tokens) * kTokenBytes;
  std::string text;
  text.reserve(size + 64);
  absl::StrAppend(&text, IsRevision(request) ? "Revised. " : "", Pick(kOpenings, random),
                  " This is ", model.id, ". ", tag, "\n\n");
  // The tag stays whole, however short a reply is asked for: only the request's own bound cuts it.
  const int64_t head_tokens = CountTokens(text.size());
  if (text.size() < size) text += Quote(request);
  while (text.size() < size) {
    std::string phrase = Pick(kPhrases, random);
    phrase[0] = static_cast<char>(phrase[0] - 'a' + 'A');
    absl::StrAppend(&text, text.back() == '\n' ? "" : " ", phrase, ".");
    if (random.Integer(0, 7) == 0) text += "\n\n";
  }
  CutToTokens(text, std::max(tokens, head_tokens));
  return text;
}

// Of what a reply may take in all, how much is thought before it is written.
double ThinkingShare(const std::string& effort) {
  if (effort == "low") return 0.15;
  if (effort == "medium") return 0.4;
  return effort == "high" ? 0.7 : 0;
}

// The tool to call; null: answer in words.
const ToolDefinition* ToolToCall(const ChatRequest& request) {
  if (request.tools.empty()) return nullptr;
  switch (request.tool_choice) {
    case ToolChoice::kNone:
      return nullptr;
    case ToolChoice::kRequired:
      return &request.tools.front();
    case ToolChoice::kFunction:
      for (const ToolDefinition& tool : request.tools) {
        if (tool.name == request.tool_choice_name) return &tool;
      }
      return nullptr;
    case ToolChoice::kAuto: {
      // A model left to choose calls the tool that the last message, a user's, names.
      const ChatMessage& last = request.messages.back();
      if (last.role != "user") return nullptr;
      for (const ToolDefinition& tool : request.tools) {
        if (absl::StrContains(last.content, tool.name)) return &tool;
      }
      return nullptr;
    }
  }
  return nullptr;
}

// What the content of a reply is made from.
struct Asked {
  const ChatRequest& request;
  const Model& model;
  const Personality& personality;
  absl::string_view tag;
  uint64_t seed;    // the simulator's
  uint64_t sample;  // tells calls and choices apart
  bool codes;       // the coder answers
  int64_t wanted;   // tokens, of prose
};

// `*truncated`: it ends in the middle, as by its limit.
std::string ContentOf(const Asked& asked, Random& random, bool* truncated) {
  const ChatRequest& request = asked.request;
  if (asked.personality.coder && coder::AsksForPromptEdits(request)) {
    return coder::PromptEdits(request, asked.seed, asked.sample);
  }
  if (auto reply = ReplyInRole(request, asked.personality, asked.tag, asked.seed)) {
    *truncated = reply->truncated;
    return std::move(reply->content);
  }
  std::string content;
  if (request.response_format != ResponseFormat::kText) {
    const std::string text = absl::StrCat(Pick(kOpenings, random), " ", asked.tag);
    bool text_used = false;
    if (!request.response_schema.empty()) {
      return JsonForSchema(request.response_schema, text, random, &text_used);
    }
    content = "{\"answer\":";
    AppendJsonString(content, text);
    return content + "}";
  }
  if (request.echo) content = request.messages.front().content;
  content += asked.codes
                 ? coder::ReplyFor(request, asked.model, asked.tag, asked.seed, asked.sample)
                 : Prose(request, asked.model, asked.tag, asked.wanted, random);
  return content + LastLine(request, asked.personality, asked.seed, asked.sample);
}

}  // namespace

std::string EffortOf(const ChatRequest& request, const Model& model) {
  if (!request.reasoning_effort.empty()) return request.reasoning_effort;
  switch (model.reasoning) {
    case ReasoningStyle::kAlways:
      return "medium";
    case ReasoningStyle::kSwitch:
      return "high";
    case ReasoningStyle::kOptIn:
      return "none";
  }
  return "none";
}

ReplyChoice ReplyGenerator::Choice(const ChatRequest& request, const Model& model,
                                   const Prompt& prompt, int64_t index) const {
  Random random(Hash64("reply", seed_ ^ (prompt.digest + static_cast<uint64_t>(index))));
  ReplyChoice choice;
  const std::string tag = ReplyTag(prompt, model.id, request.messages.size(), index);
  int64_t budget = model.completion_tokens_max;
  if (request.max_completion_tokens.value_or(-1) >= 0) {
    budget = std::min(budget, *request.max_completion_tokens);
  }
  const std::string effort = request.text_completion ? "none" : EffortOf(request, model);
  int64_t thinking = ReasoningTokens(effort, random);
  int64_t wanted = random.Integer(length_.min, length_.max);
  const Personality personality = PersonalityFor(request, personality_);
  const bool codes = personality.coder && coder::AsksForTheFunction(request);
  if (codes) thinking = coder::ThinkingTokens(effort, random);
  if (personality.length) {
    const auto [low, high] = *personality.length;
    const double in_all = random.Real(low, high) * static_cast<double>(budget);
    thinking = static_cast<int64_t>(in_all * ThinkingShare(effort));
    wanted = std::max<int64_t>(1, static_cast<int64_t>(in_all) - thinking);
  }
  while (static_cast<int64_t>(choice.reasoning.size()) < thinking * 4) {
    choice.reasoning += Pick(kThoughts, random);
  }
  CutToTokens(choice.reasoning, std::min(thinking, budget));
  choice.reasoning_tokens = CountTokens(choice.reasoning.size());
  budget -= choice.reasoning_tokens;

  if (const ToolDefinition* tool = ToolToCall(request); tool != nullptr) {
    bool text_used = false;
    choice.tool_call = ReplyToolCall{Hex16(random.Next()).substr(0, 9), tool->name,
                                     JsonForSchema(tool->parameters, tag, random, &text_used)};
    choice.finish_reason = "tool_calls";
    choice.completion_tokens = choice.reasoning_tokens +
                               CountTokens(tool->name.size() + choice.tool_call->arguments.size());
    return choice;
  }
  bool truncated = false;
  choice.content = ContentOf({request, model, personality, tag, seed_,
                              prompt.digest + static_cast<uint64_t>(index), codes, wanted},
                             random, &truncated);
  if (truncated) choice.finish_reason = "length";
  for (const std::string& stop : request.stop) {
    choice.content.resize(std::min(choice.content.size(), choice.content.find(stop)));
  }
  if (CountTokens(choice.content.size()) > budget) {
    CutToTokens(choice.content, budget);
    choice.finish_reason = "length";
  }
  choice.completion_tokens = choice.reasoning_tokens + CountTokens(choice.content.size());
  return choice;
}

std::vector<ReplyChoice> ReplyGenerator::Generate(const ChatRequest& request, const Model& model,
                                                  const Prompt& prompt) const {
  std::vector<ReplyChoice> choices;
  choices.reserve(static_cast<size_t>(request.n));
  for (int64_t i = 0; i < request.n; ++i) {
    ReplyChoice& choice = choices.emplace_back(Choice(request, model, prompt, i));
    if (request.reasoning_format == "hidden" || request.reasoning_format == "none") {
      choice.reasoning.clear();
    } else if (request.reasoning_format == "raw" && !choice.reasoning.empty()) {
      choice.content = absl::StrCat("<think>", choice.reasoning, "</think>", choice.content);
      choice.reasoning.clear();
    }
  }
  return choices;
}

}  // namespace moa::simulator
