#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/fallback_policy.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/validation.h"

namespace moa {
namespace {

// Calls `visit` with each model that `agent` may ask.
template <typename Visit>
void ForEachModel(const Agent& agent, Visit visit) {
  visit(agent.model);
  for (const std::string& model : agent.fallback_models) visit(model);
}

// A known model without a price, or "": what it costs could not be counted.
std::string ModelWithoutPrice(const MoaSpec& moa, const ModelTable& models) {
  std::string found;
  const auto look = [&](const std::string& model) {
    const ModelInfo* info = models.Find(model);
    const bool priced = info == nullptr || info->usd_per_million_prompt_tokens > 0 ||
                        info->usd_per_million_completion_tokens > 0;
    if (found.empty() && !priced) found = model;
  };
  for (const Layer& layer : moa.layers) {
    for (const Agent& agent : layer.agents) ForEachModel(agent, look);
    if (layer.route) ForEachModel(layer.route->router, look);
    if (!layer.critique) continue;
    for (const Agent& critic : layer.critique->critics) ForEachModel(critic, look);
  }
  if (!moa.best_answer) ForEachModel(moa.aggregator, look);
  return found;
}

}  // namespace

void ValidateBudget(const JobSpec& spec, const ModelTable& models, Violations* violations) {
  const Budget& budget = spec.budget;
  const Agent& aggregator = spec.moa.aggregator;
  const bool calls = !spec.moa.best_answer && !aggregator.grader;
  const uint64_t completion =
      calls ? aggregator.max_completion_tokens.value_or(kCompletionTokensDefault) : 0;
  if (budget.max_total_tokens == 0) {
    violations->Add("budget.max_total_tokens", "is 0; must be at least 1");
  } else if (calls && budget.max_total_tokens && *budget.max_total_tokens <= completion) {
    violations->Add(
        "budget.max_total_tokens",
        absl::StrCat("is ", *budget.max_total_tokens, "; the aggregator's call alone may ",
                     "take its max_completion_tokens of ", completion,
                     " and its prompt: raise the one or lower the other"));
  }
  if (budget.max_upstream_calls == 0) {
    violations->Add("budget.max_upstream_calls", "is 0; must be at least 1");
  }
  if (!budget.max_cost_usd) return;
  if (!(*budget.max_cost_usd > 0 && *budget.max_cost_usd <= kCostUsdMax)) {
    violations->Add("budget.max_cost_usd",
                    absl::StrCat("is ", *budget.max_cost_usd, "; must be above 0 and at most 1e6"));
    return;
  }
  const std::string unpriced = ModelWithoutPrice(spec.moa, models);
  if (!unpriced.empty()) {
    violations->Add("budget.max_cost_usd",
                    absl::StrCat("cannot be kept: ", unpriced,
                                 " has no price; configure one, or limit max_total_tokens"));
    return;
  }
  if (!calls) return;
  double cheapest = kCostUsdMax;
  ForEachModel(aggregator, [&](const std::string& model) {
    cheapest = std::min(cheapest, models.CostUsd(model, {.completion_tokens = completion}));
  });
  if (*budget.max_cost_usd < cheapest) {
    violations->Add("budget.max_cost_usd",
                    absl::StrCat("is ", *budget.max_cost_usd, "; the aggregator's call alone may ",
                                 "cost ", cheapest, " with its max_completion_tokens of ",
                                 completion, ": raise the one or lower the other"));
  }
}

}  // namespace moa
