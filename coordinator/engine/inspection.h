#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "coordinator/engine/model_table.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/token_estimator.h"

namespace moa {

// What a plan would do, worked out without running it (moa.proto, InspectJob, whose fields these are). Pure.

struct InspectedAgent {
  std::string agent{};
  std::string model{};
  uint32_t calls = 0;
  std::vector<Message> messages{};  // what it does not know yet stands in ‹…›
  uint64_t prompt_tokens = 0;
  uint32_t max_completion_tokens = 0;
  uint32_t context_tokens = 0;
  std::string fit{};
  const ResponseFormat* format = nullptr;  // in the plan
};

struct InspectedStage {
  StageKind kind = StageKind::kPropose;
  uint32_t layer = 0;
  uint32_t round = 0;
  uint32_t times = 1;
  std::vector<InspectedAgent> agents{};
  std::string then{};
};

struct Inspection {
  std::vector<InspectedStage> stages{};
  uint32_t calls_max = 0;
  uint64_t prompt_tokens_max = 0;
  uint64_t completion_tokens_max = 0;
  double cost_usd_max = 0;
};

Inspection Inspect(const Plan& plan, const ModelTable& models, const TokenEstimator& estimator);

// What is probably not meant, though it is no mistake: agents that never see a reference, tokens that nothing replaces.
std::vector<std::string> WarningsOf(const Plan& plan);
// The models of `before` that aliases stand for: "moa.aggregator.model: llama3.1-8b is answered by gpt-oss-120b".
std::vector<std::string> AliasWarnings(const MoaSpec& before, const ModelTable& models);

}  // namespace moa
