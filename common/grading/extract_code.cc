#include "common/grading/extract_code.h"

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/grading/answer_blocks.h"

namespace moa {
namespace {

using Lines = std::vector<absl::string_view>;

bool IsBlank(absl::string_view line) { return absl::StripAsciiWhitespace(line).empty(); }

bool IsIndented(absl::string_view line) {
  return !line.empty() && (line[0] == ' ' || line[0] == '\t');
}

// Takes the spaces from the front; false when there are none.
bool TakeSpaces(absl::string_view& line) {
  const absl::string_view before = line;
  line = absl::StripLeadingAsciiWhitespace(line);
  return line.size() < before.size();
}

// The line begins `def NAME(`, `async def NAME(` or `NAME =`.
bool Defines(absl::string_view line, absl::string_view function) {
  absl::string_view rest = line;
  if (absl::ConsumePrefix(&rest, "async") && !TakeSpaces(rest)) rest = line;
  const bool is_def = absl::ConsumePrefix(&rest, "def") && TakeSpaces(rest);
  if (!is_def) rest = line;
  if (!absl::ConsumePrefix(&rest, function)) return false;
  TakeSpaces(rest);
  if (is_def) return absl::StartsWith(rest, "(");
  return absl::StartsWith(rest, "=") && !absl::StartsWith(rest, "==");
}

// What all lines that are not blank are indented by.
absl::string_view CommonIndentation(const Lines& lines) {
  std::optional<absl::string_view> common;
  for (const absl::string_view line : lines) {
    if (IsBlank(line)) continue;
    absl::string_view own = line.substr(0, line.find_first_not_of(" \t"));
    if (!common) common = own;
    size_t same = 0;
    while (same < std::min(own.size(), common->size()) && own[same] == (*common)[same]) ++same;
    common = own.substr(0, same);
  }
  return common.value_or("");
}

Lines Dedented(Lines lines) {
  const size_t indentation = CommonIndentation(lines).size();
  for (absl::string_view& line : lines) {
    line =
        IsBlank(line) ? line.substr(std::min(indentation, line.size())) : line.substr(indentation);
  }
  return lines;
}

bool DefinesFunction(const Lines& lines, absl::string_view function) {
  return std::any_of(lines.begin(), lines.end(),
                     [&](absl::string_view line) { return Defines(line, function); });
}

std::string Join(const Lines& lines) {
  std::string code;
  for (const absl::string_view line : lines) {
    code.append(line.data(), line.size());
    code += '\n';
  }
  return code;
}

bool IsPython(const AnswerBlock& block) {
  constexpr std::array<absl::string_view, 5> kNames = {"", "python", "py", "python3", "py3"};
  return std::find(kNames.begin(), kNames.end(), absl::string_view(block.language)) != kNames.end();
}

// A line at the margin that a module may hold and prose hardly does.
bool LooksLikeCode(absl::string_view line) {
  line = absl::StripTrailingAsciiWhitespace(line);
  for (const absl::string_view begin :
       {"def ", "async def ", "class ", "import ", "@", "#", "\"\"\"", "'''", ")", "]", "}"}) {
    if (absl::StartsWith(line, begin)) return true;
  }
  if (absl::StartsWith(line, "from ")) return absl::StrContains(line, " import ");
  for (const absl::string_view begin :
       {"if ", "else", "elif ", "for ", "while ", "try", "except", "finally", "with "}) {
    if (absl::StartsWith(line, begin)) return absl::EndsWith(line, ":");
  }
  // A statement: name.name = …, name(…), name[…].
  size_t at = 0;
  while (at < line.size() && (absl::ascii_isalnum(static_cast<unsigned char>(line[at])) ||
                              line[at] == '_' || line[at] == '.')) {
    ++at;
  }
  if (at == 0) return false;
  absl::string_view rest = line.substr(at);
  if (absl::StartsWith(rest, "(") || absl::StartsWith(rest, "[")) return true;
  rest = absl::StripLeadingAsciiWhitespace(rest);
  return absl::StartsWith(rest, "=") || absl::StartsWith(rest, "+=");
}

// From the first line at the margin that looks like code to the last line that does or is indented.
Lines WithoutProse(const Lines& lines, absl::string_view function) {
  const auto is_code = [&](absl::string_view line) {
    return LooksLikeCode(line) || Defines(line, function);
  };
  const auto first = std::find_if(lines.begin(), lines.end(), is_code);
  auto last = lines.end();
  while (last != first &&
         (IsBlank(*(last - 1)) || !(IsIndented(*(last - 1)) || is_code(*(last - 1))))) {
    --last;
  }
  return {first, last};
}

// The last block for which `wanted` is true, or null.
template <typename Predicate>
const AnswerBlock* LastBlock(const std::vector<AnswerBlock>& blocks, Predicate wanted) {
  const auto at = std::find_if(blocks.rbegin(), blocks.rend(), wanted);
  return at == blocks.rend() ? nullptr : &*at;
}

const AnswerBlock* DefiningBlock(const std::vector<AnswerBlock>& blocks,
                                 absl::string_view function) {
  const auto defining = [&](bool python, bool closed) {
    return LastBlock(blocks, [&, python, closed](const AnswerBlock& block) {
      return IsPython(block) == python && block.closed == closed &&
             DefinesFunction(block.lines, function);
    });
  };
  for (const auto& [python, closed] :
       {std::pair(true, true), {true, false}, {false, true}, {false, false}}) {
    if (const AnswerBlock* block = defining(python, closed)) return block;
  }
  return nullptr;
}

ExtractedCode FromBlock(const AnswerBlock& block) {
  return {Join(block.lines),
          block.closed ? ExtractedCode::Source::kBlock : ExtractedCode::Source::kOpenBlock};
}

}  // namespace

ExtractedCode ExtractCode(absl::string_view answer, absl::string_view function) {
  absl::ConsumePrefix(&answer, "\xEF\xBB\xBF");
  const std::string text = absl::StrReplaceAll(answer, {{"\r\n", "\n"}, {"\r", "\n"}});
  AnswerParts parts = TakeApart(text);
  for (AnswerBlock& block : parts.blocks) block.lines = Dedented(std::move(block.lines));
  if (const AnswerBlock* block = DefiningBlock(parts.blocks, function)) return FromBlock(*block);
  const Lines outside = Dedented(parts.outside);
  if (DefinesFunction(outside, function)) {
    return {Join(WithoutProse(outside, function)), ExtractedCode::Source::kBare};
  }
  if (const AnswerBlock* block = LastBlock(parts.blocks, IsPython)) return FromBlock(*block);
  if (!parts.blocks.empty()) return FromBlock(parts.blocks.back());
  return {Join(outside), ExtractedCode::Source::kWholeAnswer};
}

}  // namespace moa
