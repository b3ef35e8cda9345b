#include "coordinator/engine/reference_fit.h"

#include <algorithm>
#include <numeric>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// Of what is kept, the share that comes from the beginning.
constexpr double kHeadShare = 0.7;
// Shorter remains tell nothing.
constexpr size_t kCutBytesMin = 32;
// The mark's own tokens, generously.
constexpr uint64_t kMarkTokens = 24;

// The end of `text` with at most `bytes`, from a code point on.
absl::string_view Tail(absl::string_view text, size_t bytes) {
  if (bytes >= text.size()) return text;
  size_t at = text.size() - bytes;
  while (at < text.size() && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) ++at;
  return text.substr(at);
}

}  // namespace

std::vector<uint64_t> FitTokens(const std::vector<uint64_t>& tokens, uint64_t budget) {
  std::vector<uint64_t> kept = tokens;
  if (std::accumulate(tokens.begin(), tokens.end(), uint64_t{0}) <= budget) return kept;
  size_t count = tokens.size();
  while (count > 1) {
    uint64_t least = 0;
    for (size_t i = 0; i < count; ++i) least += std::min(tokens[i], kFitTokensMin);
    if (least <= budget) break;
    kept[--count] = 0;
  }
  // The level to which the longest are cut: the shortest first take what they need.
  std::vector<uint64_t> sorted(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(count));
  std::sort(sorted.begin(), sorted.end());
  uint64_t left = budget;
  uint64_t level = 0;
  for (size_t i = 0; i < count; ++i) {
    level = left / (count - i);
    if (sorted[i] > level) break;
    left -= sorted[i];
    level = sorted[i];
  }
  for (size_t i = 0; i < count; ++i) kept[i] = std::min(tokens[i], level);
  return kept;
}

Text CutToTokens(const Text& text, uint64_t tokens, const std::string& model,
                 const TokenEstimator& estimator) {
  const auto count = [&](absl::string_view part) {
    return estimator.UpperBound(model, SizeOf(part));
  };
  const uint64_t whole = count(text.view());
  if (whole <= tokens) return text;
  if (tokens <= kMarkTokens) return Text();
  auto bytes =
      static_cast<size_t>(static_cast<double>(text.size()) *
                          static_cast<double>(tokens - kMarkTokens) / static_cast<double>(whole));
  // What is kept may be denser than the whole.
  while (bytes >= kCutBytesMin) {
    const auto head = static_cast<size_t>(static_cast<double>(bytes) * kHeadShare);
    std::string cut =
        absl::StrCat(Utf8Prefix(text.view(), head), "\n[… about ", whole - std::min(whole, tokens),
                     " tokens left out …]\n", Tail(text.view(), bytes - head));
    if (count(cut) <= tokens) return Text(std::move(cut));
    bytes -= std::max<size_t>(bytes / 16, 1);
  }
  return Text();
}

}  // namespace moa
