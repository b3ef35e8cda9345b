#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/types.h"

namespace moa {

// Completion tokens that the provider was seen to set aside for a call at most, whatever the call's
// own bound (CEREBRAS_API section 5: one measurement).
inline constexpr uint32_t kReservationTokensMax = 16'384;

// What is known about a model. 0 or empty means unknown.
struct ModelInfo {
  bool configured = false;  // from the table, not only announced by a worker
  uint32_t context_tokens = 0;
  uint32_t max_completion_tokens = 0;
  double usd_per_million_prompt_tokens = 0;
  double usd_per_million_completion_tokens = 0;
  // Completion tokens a second, as the provider typically generates them.
  double tokens_per_second = 0;
  // The values of reasoning_effort that the model takes; where they are unknown any is passed on.
  std::vector<std::string> reasoning_efforts{};
  // What the provider does where a call says nothing.
  std::string default_reasoning_effort{};
  // What a call without a tighter bound is reserved with.
  uint32_t reservation_tokens_max = kReservationTokensMax;
};

// The models jobs may name: a configured table plus what workers announce, and aliases: further
// names under which jobs may ask for a model, such as ids that the provider has retired. A value
// type; externally synchronised.
class ModelTable {
 public:
  // The table this version ships with: the provider's public models of November 2026 with their
  // published context sizes and prices, and the ids retired by then as aliases of the nearest of
  // them.
  static ModelTable Shipped();

  void Configure(absl::string_view id, const ModelInfo& info);
  // Adds an id that a worker can reach; keeps what is configured. Announced ids are never removed:
  // a job accepted while a worker was connected stays valid when it leaves. At most 1,000 are kept.
  void Announce(absl::string_view id);

  // `alias` stands for `id` from now on. An alias of the name of a known model is without effect.
  void Alias(absl::string_view alias, absl::string_view id);
  // The model that jobs mean by `id`: what an alias stands for, otherwise `id` itself, known or not.
  // Valid until the next change of the table, or as long as `id`.
  absl::string_view Canonical(absl::string_view id) const;
  // The aliases of a model, in order.
  std::vector<std::string> AliasesOf(absl::string_view id) const;

  // Null when unknown. Valid until the next change of the table.
  const ModelInfo* Find(absl::string_view id) const;
  // The known id nearest in spelling, or "" when none is near: for "did you mean".
  std::string Suggest(absl::string_view id) const;
  double CostUsd(absl::string_view id, const Usage& usage) const;

  const std::map<std::string, ModelInfo, std::less<>>& all() const { return models_; }

 private:
  std::map<std::string, std::string, std::less<>> aliases_;
  std::map<std::string, ModelInfo, std::less<>> models_;  // ordered: lists and errors are stable
};

// Puts the models that aliases stand for in their place, so that a job is checked, hashed, stored
// and shown with the models that answer it. A fallback whose alias stands for a model that the agent
// has already is left out. Idempotent.
void ReplaceAliases(const ModelTable& models, MoaSpec* moa);

}  // namespace moa
