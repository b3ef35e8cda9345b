#include "simulator/coder_brief.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "simulator/coder_detect.h"
#include "simulator/digest.h"

namespace moa::simulator::coder {
namespace {

constexpr absl::string_view kAnswerMarks[] = {"[Answer ", "[Earlier answer"};
constexpr absl::string_view kFeedbackMark = "[Feedback]";
// What stands after the last reference, or after feedback, in the prompts that the engine writes.
constexpr absl::string_view kAfterMarks[] = {"\n\nNow give your own single reply",
                                             "\n\n[End of the answer", "\nTry again."};

// Beyond these nothing more is looked for: it bounds the work on whatever a prompt holds.
constexpr size_t kReferencesMax = 64;

size_t FirstOf(absl::string_view text, size_t from, absl::Span<const absl::string_view> marks) {
  size_t first = absl::string_view::npos;
  for (const absl::string_view mark : marks) first = std::min(first, text.find(mark, from));
  return first;
}

// The end of a reference that begins at `begin`: at what follows it, else after the paragraph behind its last block of
// code, else at the end of all.
size_t EndOfReference(absl::string_view text, size_t begin) {
  const size_t next = std::min({FirstOf(text, begin, kAnswerMarks), text.find(kFeedbackMark, begin),
                                FirstOf(text, begin, kAfterMarks)});
  if (next != absl::string_view::npos) return next;
  const size_t fence = text.rfind("```");
  if (fence == absl::string_view::npos || fence < begin) return text.size();
  const size_t behind = text.find_first_not_of("`\n", fence);
  return behind == absl::string_view::npos ? text.size()
                                           : std::min(text.find("\n\n", behind), text.size());
}

void AddReference(absl::string_view answer, Brief* brief) {
  const std::string code = CodeIn(answer);
  if (code.empty()) {
    ++brief->references_without_code;
  } else {
    ShownCode shown{.handled = HandledIn(code)};
    shown.argued = shown.handled & IssuesNamedIn(ProseOf(answer));
    brief->references.push_back(shown);
  }
}

// Takes the references out of `text`; gives what is left, feedback apart.
void Split(absl::string_view text, Brief* brief, std::string* said, std::string* feedback) {
  size_t at = 0;
  for (size_t pieces = 0; at < text.size() && pieces < 2 * kReferencesMax; ++pieces) {
    const size_t answer = FirstOf(text, at, kAnswerMarks);
    const size_t words = text.find(kFeedbackMark, at);
    const size_t next = std::min({answer, words, text.size()});
    absl::StrAppend(said, text.substr(at, next - at), "\n");
    if (next == text.size()) return;
    if (words < answer) {
      const size_t end = std::min(
          {FirstOf(text, words, kAnswerMarks), FirstOf(text, words, kAfterMarks), text.size()});
      absl::StrAppend(feedback, text.substr(words, end - words), "\n");
      at = end;
      continue;
    }
    const size_t begin = std::min(text.find('\n', answer), text.size());
    at = EndOfReference(text, begin);
    AddReference(text.substr(begin, at - begin), brief);
  }
}

}  // namespace

bool AsksForTheFunction(const ChatRequest& request) {
  if (request.response_format != ResponseFormat::kText) return false;
  return std::any_of(
      request.messages.begin(), request.messages.end(),
      [](const ChatMessage& message) { return absl::StrContains(message.content, kFunctionName); });
}

Brief ReadBrief(const ChatRequest& request) {
  Brief brief;
  std::string said;
  std::string feedback;
  bool answered = false;
  bool asked = false;
  for (const ChatMessage& message : request.messages) {
    if (message.role == "assistant") {
      if (!CodeIn(message.content).empty()) AddReference(message.content, &brief);
      answered = true;
      continue;
    }
    if (message.role == "user" && !asked) {
      brief.question = Hash64(message.content, 0);
      asked = true;
    }
    std::string words;
    Split(message.content, &brief, &words, &feedback);
    // What a user says to an answer is feedback on it.
    absl::StrAppend(answered && message.role == "user" ? &feedback : &said, words);
  }
  brief.criticised = IssuesNamedIn(feedback);
  brief.named = IssuesNamedIn(said) | brief.criticised;
  brief.keeps_name = AsksToKeepTheName(said) || AsksToKeepTheName(feedback);
  return brief;
}

}  // namespace moa::simulator::coder
