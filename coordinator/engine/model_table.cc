#include "coordinator/engine/model_table.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
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

// Context sizes, limits and prices: CEREBRAS_API section 6; speeds: section 7, as measured on short
// replies. Models that only dedicated endpoints serve are not in it: those who have one configure
// it.
ModelTable ModelTable::Shipped() {
  ModelTable table;
  table.Configure("gpt-oss-120b", {.context_tokens = 131072,
                                   .max_completion_tokens = 40960,
                                   .usd_per_million_prompt_tokens = 0.35,
                                   .usd_per_million_completion_tokens = 0.75,
                                   .tokens_per_second = 1650,
                                   .reasoning_efforts = {"low", "medium", "high"},
                                   .default_reasoning_effort = "medium"});
  table.Configure("qwen-3.8-27b", {.context_tokens = 131072,
                                   .usd_per_million_prompt_tokens = 0.99,
                                   .usd_per_million_completion_tokens = 1.49,
                                   .tokens_per_second = 1850,
                                   .reasoning_efforts = {"none", "low", "medium", "high"},
                                   .default_reasoning_effort = "high"});
  for (const char* retired :
       {"llama3.1-8b", "llama3.1-70b", "llama-3.3-70b", "llama-4-scout-17b-16e-instruct",
        "llama-4-maverick-17b-128e-instruct", "deepseek-r1-distill-llama-70b", "zai-glm-4.6",
        "zai-glm-4.7"}) {
    table.Alias(retired, "gpt-oss-120b");
  }
  for (const char* retired : {"qwen-3-32b", "qwen-3-235b-a22b-instruct-2507",
                              "qwen-3-235b-a22b-thinking-2507", "qwen-3-coder-480b"}) {
    table.Alias(retired, "qwen-3.8-27b");
  }
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

void ModelTable::Alias(absl::string_view alias, absl::string_view id) {
  aliases_[std::string(alias)] = std::string(id);
}

absl::string_view ModelTable::Canonical(absl::string_view id) const {
  if (models_.count(id) > 0) return id;
  const auto it = aliases_.find(id);
  return it == aliases_.end() ? id : absl::string_view(it->second);
}

std::vector<std::string> ModelTable::AliasesOf(absl::string_view id) const {
  std::vector<std::string> names;
  for (const auto& [alias, target] : aliases_) {
    if (target == id && models_.count(alias) == 0) names.push_back(alias);
  }
  return names;
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

void ReplaceAliases(const ModelTable& models, MoaSpec* moa) {
  const auto replace = [&](Agent& agent) {
    agent.model = std::string(models.Canonical(agent.model));
    std::vector<std::string> fallbacks;
    for (std::string& fallback : agent.fallback_models) {
      std::string id(models.Canonical(fallback));
      // Two names of one model are no mistake of the job: the second is left out.
      const bool known =
          id == agent.model || std::find(fallbacks.begin(), fallbacks.end(), id) != fallbacks.end();
      if (known && id != fallback) continue;
      fallbacks.push_back(std::move(id));
    }
    agent.fallback_models = std::move(fallbacks);
  };
  for (Layer& layer : moa->layers) {
    for (Agent& agent : layer.agents) replace(agent);
    if (layer.route) replace(layer.route->router);
    if (!layer.critique) continue;
    for (Agent& critic : layer.critique->critics) replace(critic);
  }
  replace(moa->aggregator);
}

}  // namespace moa
