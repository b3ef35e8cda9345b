#include "common/grading/answer_blocks.h"

#include <algorithm>
#include <array>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace moa {
namespace {

// The tags in which models that think aloud put it.
constexpr std::array<absl::string_view, 8> kReasoningTags = {
    "think",     "thinking",   "thought",    "thoughts",
    "reasoning", "reflection", "scratchpad", "analysis"};

bool IsReasoningTag(absl::string_view name) {
  return std::any_of(kReasoningTags.begin(), kReasoningTags.end(),
                     [&](absl::string_view tag) { return absl::EqualsIgnoreCase(name, tag); });
}

// The name in a tag at the front of `text` that begins with `begin`, "<" or "</"; empty where there is none. `text` is
// then what follows the tag.
absl::string_view TakeTag(absl::string_view begin, absl::string_view& text) {
  if (!absl::StartsWith(text, begin)) return "";
  constexpr size_t kTagMaxBytes =
      16;  // so that a line of brackets is not read to its end for each of them
  const size_t end = text.substr(0, kTagMaxBytes).find('>');
  if (end == absl::string_view::npos) return "";
  const absl::string_view name = text.substr(begin.size(), end - begin.size());
  if (!IsReasoningTag(name)) return "";
  text.remove_prefix(end + 1);
  return name;
}

// What follows the first closing tag in `line`; nullopt where it holds none. `name` empty: of any kind.
std::optional<absl::string_view> AfterClosingTag(absl::string_view line, absl::string_view name) {
  for (size_t at = line.find("</"); at != absl::string_view::npos; at = line.find("</", at + 2)) {
    absl::string_view rest = line.substr(at);
    const absl::string_view found = TakeTag("</", rest);
    if (!found.empty() && (name.empty() || absl::EqualsIgnoreCase(found, name))) return rest;
  }
  return std::nullopt;
}

// A closing tag that is alone, or first, or last in its line; elsewhere it is likely to be text of a program.
std::optional<absl::string_view> StrayClosingTag(absl::string_view line, bool in_block) {
  const absl::string_view trimmed = absl::StripAsciiWhitespace(line);
  absl::string_view rest = trimmed;
  if (!TakeTag("</", rest).empty()) {
    if (in_block && !rest.empty()) return std::nullopt;
    return rest;
  }
  if (in_block || !absl::EndsWith(trimmed, ">")) return std::nullopt;
  const size_t last = trimmed.rfind("</");
  if (last == absl::string_view::npos) return std::nullopt;
  rest = trimmed.substr(last);
  return !TakeTag("</", rest).empty() && rest.empty() ? std::optional(rest) : std::nullopt;
}

size_t Indentation(absl::string_view line) {
  const size_t at = line.find_first_not_of(" \t");
  return at == absl::string_view::npos ? line.size() : at;
}

struct Fence {
  char mark = '`';
  size_t length = 0;
  size_t indentation = 0;
  absl::string_view info;  // what follows it
};

std::optional<Fence> FenceOf(absl::string_view line) {
  Fence fence;
  fence.indentation = Indentation(line);
  line.remove_prefix(fence.indentation);
  if (line.empty() || (line[0] != '`' && line[0] != '~')) return std::nullopt;
  fence.mark = line[0];
  fence.length = std::min(line.find_first_not_of(fence.mark), line.size());
  if (fence.length < 3) return std::nullopt;
  fence.info = absl::StripAsciiWhitespace(line.substr(fence.length));
  // ```like this``` is code within a line.
  if (fence.mark == '`' && absl::StrContains(fence.info, '`')) return std::nullopt;
  return fence;
}

// "```Python title=a.py", "```{.python}".
std::string LanguageOf(absl::string_view info) {
  info.remove_prefix(std::min(info.find_first_not_of("{."), info.size()));
  return absl::AsciiStrToLower(info.substr(0, info.find_first_of(" \t{},:")));
}

bool Closes(const Fence& fence, const Fence& open) {
  // What is indented further stands in the code, in a docstring say.
  return fence.mark == open.mark && fence.length >= open.length && fence.info.empty() &&
         fence.indentation <= open.indentation + 3;
}

// Goes through the lines once.
class Scanner {
 public:
  void Line(absl::string_view line) {
    if (!reasoning_.empty()) {
      const auto rest = AfterClosingTag(line, reasoning_);
      if (!rest) return;
      reasoning_ = "";
      if (absl::StripAsciiWhitespace(*rest).empty()) return;
      line = *rest;
    }
    // What came before the end of reasoning was reasoning, though the tag at its begin was not given.
    if (const auto rest = StrayClosingTag(line, open_.has_value())) {
      parts_ = {};
      open_.reset();
      if (rest->empty()) return;
      line = *rest;
    }
    if (open_) {
      InBlock(line);
    } else {
      Outside(line);
    }
  }

  AnswerParts Take() { return std::move(parts_); }

 private:
  void InBlock(absl::string_view line) {
    const std::optional<Fence> fence = FenceOf(line);
    if (fence && Closes(*fence, *open_)) {
      parts_.blocks.back().closed = true;
      open_.reset();
      return;
    }
    line.remove_prefix(std::min(Indentation(line), open_->indentation));
    parts_.blocks.back().lines.push_back(line);
  }

  void Outside(absl::string_view line) {
    absl::string_view rest = absl::StripLeadingAsciiWhitespace(line);
    if (const absl::string_view tag = TakeTag("<", rest); !tag.empty()) {
      // At its end in the same line, an answer may follow; what follows is looked at once, so this is linear.
      const auto after = AfterClosingTag(rest, tag);
      if (!after) {
        reasoning_ = tag;
        return;
      }
      line = *after;
      if (absl::StripAsciiWhitespace(line).empty()) return;
    }
    if (const std::optional<Fence> fence = FenceOf(line)) {
      open_ = fence;
      parts_.blocks.push_back({LanguageOf(fence->info), false, {}});
      return;
    }
    parts_.outside.push_back(line);
  }

  AnswerParts parts_;
  absl::string_view reasoning_;  // the tag's name while in reasoning
  std::optional<Fence> open_;    // of the last block, while in it
};

}  // namespace

AnswerParts TakeApart(absl::string_view text) {
  Scanner scanner;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) scanner.Line(line);
  return scanner.Take();
}

}  // namespace moa
