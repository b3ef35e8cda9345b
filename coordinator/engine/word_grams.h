#pragma once

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa {

// What texts are compared by: runs of five words. Words are runs of letters, digits and non-ASCII bytes, without
// ASCII case, so that punctuation and layout do not hide a sentence taken over. Linear in the text.
inline constexpr size_t kGramWords = 5;
// Only so many words of a text are looked at.
inline constexpr size_t kGramTextWordsMax = 200'000;

// The hash of every word of `text`, in order.
std::vector<uint64_t> HashWords(absl::string_view text);

// The hash of every run of `size` words, in order; repetitions included.
std::vector<uint64_t> HashGrams(const std::vector<uint64_t>& words, size_t size);

// The distinct grams of a text, sorted. A text of fewer than five words is one gram.
std::vector<uint64_t> DistinctGrams(absl::string_view text);

}  // namespace moa
