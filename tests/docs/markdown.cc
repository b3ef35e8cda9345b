#include "tests/docs/markdown.h"

#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace moa::docs {
namespace {

bool IsWordCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

}  // namespace

std::vector<Block> FencedBlocks(absl::string_view markdown) {
  std::vector<Block> blocks;
  bool inside = false;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(markdown, '\n')) {
    ++number;
    if (absl::ConsumePrefix(&line, "```")) {
      if (!inside) blocks.push_back({std::string(absl::StripAsciiWhitespace(line)), "", number});
      inside = !inside;
    } else if (inside) {
      absl::StrAppend(&blocks.back().text, line, "\n");
    }
  }
  return blocks;
}

std::vector<std::string> RelativeLinks(absl::string_view markdown) {
  std::vector<std::string> links;
  for (size_t at = 0; (at = markdown.find("](", at)) != absl::string_view::npos;) {
    at += 2;
    absl::string_view target = markdown.substr(at, markdown.find(')', at) - at);
    target = target.substr(0, target.find('#'));
    if (!target.empty() && !absl::StrContains(target, "://")) links.emplace_back(target);
  }
  return links;
}

std::vector<std::string> WordsWithPrefix(absl::string_view markdown, absl::string_view prefix) {
  std::set<std::string> words;
  for (size_t at = 0; (at = markdown.find(prefix, at)) != absl::string_view::npos;) {
    const bool starts_word = at == 0 || !IsWordCharacter(markdown[at - 1]);
    size_t end = at + prefix.size();
    while (end < markdown.size() && IsWordCharacter(markdown[end])) ++end;
    const absl::string_view word = markdown.substr(at, end - at);
    if (starts_word && word.size() > prefix.size() && word.back() != '_' && word.back() != '-') {
      words.emplace(word);
    }
    at = end;
  }
  return {words.begin(), words.end()};
}

}  // namespace moa::docs
