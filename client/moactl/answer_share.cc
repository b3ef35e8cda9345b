#include "client/moactl/answer_share.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace moa {
namespace {

constexpr size_t kGramWords = 5;

std::vector<std::string> Words(absl::string_view text) {
  return absl::StrSplit(absl::AsciiStrToLower(text), absl::ByAnyChar(" \t\r\n"), absl::SkipEmpty());
}

std::unordered_set<std::string> Grams(absl::string_view text, size_t size) {
  const std::vector<std::string> words = Words(text);
  std::unordered_set<std::string> grams;
  for (size_t i = 0; size > 0 && i + size <= words.size(); ++i) {
    grams.insert(absl::StrJoin(words.begin() + static_cast<std::ptrdiff_t>(i),
                               words.begin() + static_cast<std::ptrdiff_t>(i + size), " "));
  }
  return grams;
}

}  // namespace

std::vector<double> AnswerShares(const v1::Job& job) {
  const std::string& answer = job.answer().content();
  const size_t size = std::min(kGramWords, Words(answer).size());
  const std::unordered_set<std::string> wanted = Grams(answer, size);
  std::vector<size_t> held;  // grams of the answer that each task holds
  std::unordered_set<std::string> found;
  for (int i = 0; i < job.layers_size(); ++i) {
    for (const v1::TaskResult& task : job.layers(i).tasks()) {
      held.push_back(0);
      const bool is_reference = i + 1 < job.layers_size();
      for (const std::string& gram : Grams(task.completion().content(), size)) {
        if (wanted.count(gram) == 0) continue;
        if (is_reference) {
          found.insert(gram);
          ++held.back();
        } else if (found.count(gram) > 0) {
          ++held.back();
        }
      }
    }
  }
  std::vector<double> shares(held.size());
  if (found.empty()) return shares;
  for (size_t i = 0; i < held.size(); ++i) {
    shares[i] = static_cast<double>(held[i]) / static_cast<double>(found.size());
  }
  return shares;
}

}  // namespace moa
