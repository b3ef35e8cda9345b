#include "coordinator/engine/word_grams.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace moa {
namespace {

bool IsWordByte(unsigned char c) { return absl::ascii_isalnum(c) || c >= 0x80; }

}  // namespace

// FNV-1a.
std::vector<uint64_t> HashWords(absl::string_view text) {
  std::vector<uint64_t> words;
  constexpr uint64_t kBasis = 0xcbf29ce484222325;
  constexpr uint64_t kPrime = 0x100000001b3;
  uint64_t hash = kBasis;
  bool in_word = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (IsWordByte(byte)) {
      hash = (hash ^ static_cast<unsigned char>(absl::ascii_tolower(byte))) * kPrime;
      in_word = true;
    } else if (in_word) {
      words.push_back(hash);
      if (words.size() == kGramTextWordsMax) return words;
      hash = kBasis;
      in_word = false;
    }
  }
  if (in_word) words.push_back(hash);
  return words;
}

std::vector<uint64_t> HashGrams(const std::vector<uint64_t>& words, size_t size) {
  std::vector<uint64_t> grams;
  if (size == 0 || words.size() < size) return grams;
  grams.reserve(words.size() - size + 1);
  for (size_t i = 0; i + size <= words.size(); ++i) {
    uint64_t hash = 0;
    for (size_t j = 0; j < size; ++j) {
      hash = (hash ^ words[i + j]) * 0x9e3779b97f4a7c15;
      hash ^= hash >> 29;
    }
    grams.push_back(hash);
  }
  return grams;
}

std::vector<uint64_t> DistinctGrams(absl::string_view text) {
  const std::vector<uint64_t> words = HashWords(text);
  std::vector<uint64_t> grams = HashGrams(words, std::min(kGramWords, words.size()));
  std::sort(grams.begin(), grams.end());
  grams.erase(std::unique(grams.begin(), grams.end()), grams.end());
  return grams;
}

}  // namespace moa
