#include "coordinator/engine/agreement.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "coordinator/engine/word_grams.h"

namespace moa {
namespace {

bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

// Letters, digits and bytes beyond ASCII in lower case, runs of all else as one space.
std::string Normalised(absl::string_view text) {
  std::string out;
  bool gap = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (!absl::ascii_isalnum(byte) && byte < 0x80) {
      gap = true;
      continue;
    }
    if (gap && !out.empty()) out.push_back(' ');
    gap = false;
    out.push_back(static_cast<char>(absl::ascii_tolower(byte)));
  }
  return out;
}

absl::string_view LastLine(absl::string_view text) {
  text = absl::StripTrailingAsciiWhitespace(text);
  const size_t at = text.find_last_of("\r\n");
  return at == absl::string_view::npos ? text : text.substr(at + 1);
}

// The last run of digits with its sign, its thousands' commas and its decimal point.
std::string LastNumber(absl::string_view text) {
  size_t end = text.size();
  while (end > 0 && !IsDigit(text[end - 1])) --end;
  if (end == 0) return "";
  size_t begin = end;
  while (begin > 0) {
    const char c = text[begin - 1];
    const bool joins = (c == '.' || c == ',') && begin >= 2 && IsDigit(text[begin - 2]);
    if (!IsDigit(c) && !joins) break;
    --begin;
  }
  std::string digits;
  for (const char c : text.substr(begin, end - begin)) {
    if (c != ',') digits.push_back(c);
  }
  const bool negative =
      begin > 0 && text[begin - 1] == '-' &&
      (begin == 1 || !absl::ascii_isalnum(static_cast<unsigned char>(text[begin - 2])));
  double value = 0;
  // Two points are no number: a version, a date.
  if (std::count(digits.begin(), digits.end(), '.') > 1 || !absl::SimpleAtod(digits, &value) ||
      !std::isfinite(value)) {
    return digits;
  }
  return absl::StrCat(negative && value != 0 ? -value : value);
}

}  // namespace

std::string MatchKey(absl::string_view answer, Match match) {
  switch (match) {
    case Match::kText:
      return Normalised(answer);
    case Match::kLastLine:
      return Normalised(LastLine(answer));
    case Match::kNumber:
      return LastNumber(answer);
  }
  return "";
}

std::vector<std::vector<uint32_t>> GroupByAgreement(const std::vector<absl::string_view>& answers,
                                                    Match match) {
  std::vector<std::pair<std::string, std::vector<uint32_t>>> groups;
  for (uint32_t i = 0; i < answers.size(); ++i) {
    std::string key = MatchKey(answers[i], match);
    if (key.empty()) continue;
    const auto same = std::find_if(groups.begin(), groups.end(),
                                   [&](const auto& group) { return group.first == key; });
    if (same != groups.end()) {
      same->second.push_back(i);
    } else {
      groups.push_back({std::move(key), {i}});
    }
  }
  std::stable_sort(groups.begin(), groups.end(),
                   [](const auto& a, const auto& b) { return a.second.size() > b.second.size(); });
  std::vector<std::vector<uint32_t>> positions;
  positions.reserve(groups.size());
  for (auto& group : groups) positions.push_back(std::move(group.second));
  return positions;
}

std::optional<double> StatedConfidence(absl::string_view answer) {
  constexpr absl::string_view kWord = "confidence";
  const std::string lower = absl::AsciiStrToLower(answer);
  const absl::string_view text = lower;
  for (size_t at = text.rfind(kWord); at != absl::string_view::npos;
       at = at == 0 ? absl::string_view::npos : text.rfind(kWord, at - 1)) {
    absl::string_view rest = text.substr(at + kWord.size());
    const size_t number = rest.find_first_not_of(" \t:=*_`\"'~");
    if (number == absl::string_view::npos || !IsDigit(rest[number])) continue;
    rest.remove_prefix(number);
    size_t size = 0;
    while (size < rest.size() &&
           (IsDigit(rest[size]) ||
            (rest[size] == '.' && size + 1 < rest.size() && IsDigit(rest[size + 1])))) {
      ++size;
    }
    double value = 0;
    if (!absl::SimpleAtod(rest.substr(0, size), &value)) continue;
    rest.remove_prefix(size);
    if (absl::StartsWith(absl::StripLeadingAsciiWhitespace(rest), "%")) value /= 100;
    if (value >= 0 && value <= 1) return value;
  }
  return std::nullopt;
}

std::vector<uint32_t> WithoutSimilar(const std::vector<absl::string_view>& texts, double share) {
  std::vector<uint32_t> kept;
  std::vector<std::vector<uint64_t>> grams;  // of those kept
  for (uint32_t i = 0; i < texts.size(); ++i) {
    std::vector<uint64_t> own = DistinctGrams(texts[i]);
    const bool similar = std::any_of(grams.begin(), grams.end(), [&](const auto& other) {
      std::vector<uint64_t> both;
      std::set_intersection(own.begin(), own.end(), other.begin(), other.end(),
                            std::back_inserter(both));
      const size_t any = own.size() + other.size() - both.size();
      return any > 0 && static_cast<double>(both.size()) >= share * static_cast<double>(any);
    });
    if (similar) continue;
    kept.push_back(i);
    grams.push_back(std::move(own));
  }
  return kept;
}

}  // namespace moa
