#include "coordinator/engine/model_table.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace moa {
namespace {

constexpr size_t kAnnouncedMax = 1000;
// Longer ids are nobody's typing mistake; also bounds the work of one comparison.
constexpr size_t kSuggestLengthMax = 64;

// Levenshtein distance, or `limit` + 1 when it is larger than `limit`.
size_t EditDistance(absl::string_view a, absl::string_view b, size_t limit) {
  const size_t longer = std::max(a.size(), b.size());
  if (longer - std::min(a.size(), b.size()) > limit) return limit + 1;
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return std::min(row[b.size()], limit + 1);
}

}  // namespace

// Context sizes, limits and prices: CEREBRAS_API section 6. Models that only dedicated endpoints
// serve are not in it: those who have one configure it.
ModelTable ModelTable::Shipped() {
  ModelTable table;
  table.Configure("gpt-oss-120b", {.context_tokens = 131072,
                                   .max_completion_tokens = 40960,
                                   .usd_per_million_prompt_tokens = 0.35,
                                   .usd_per_million_completion_tokens = 0.75});
  table.Configure("qwen-3.8-27b", {.context_tokens = 131072,
                                   .usd_per_million_prompt_tokens = 0.99,
                                   .usd_per_million_completion_tokens = 1.49});
  return table;
}

void ModelTable::Configure(absl::string_view id, const ModelInfo& info) {
  ModelInfo& entry = models_[std::string(id)];
  entry = info;
  entry.configured = true;
}

void ModelTable::Announce(absl::string_view id) {
  if (id.empty() || models_.size() >= kAnnouncedMax) return;
  models_.try_emplace(std::string(id));
}

const ModelInfo* ModelTable::Find(absl::string_view id) const {
  const auto it = models_.find(id);
  return it == models_.end() ? nullptr : &it->second;
}

std::string ModelTable::Suggest(absl::string_view id) const {
  if (id.empty() || id.size() > kSuggestLengthMax) return "";
  // A third of the id wrong is still a slip; more is another model.
  size_t best = std::max<size_t>(2, id.size() / 3) + 1;
  std::string suggestion;
  for (const auto& [known, info] : models_) {
    const size_t distance = EditDistance(id, known, best - 1);
    if (distance >= best) continue;
    best = distance;
    suggestion = known;
    if (best == 0) break;
  }
  return suggestion;
}

double ModelTable::CostUsd(absl::string_view id, const Usage& usage) const {
  const ModelInfo* info = Find(id);
  if (info == nullptr) return 0;
  return (static_cast<double>(usage.prompt_tokens) * info->usd_per_million_prompt_tokens +
          static_cast<double>(usage.completion_tokens) * info->usd_per_million_completion_tokens) /
         1e6;
}

}  // namespace moa
