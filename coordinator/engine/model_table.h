#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "coordinator/engine/types.h"

namespace moa {

// What is known about a model. 0 means unknown.
struct ModelInfo {
  bool configured = false;  // from the table, not only announced by a worker
  uint32_t context_tokens = 0;
  uint32_t max_completion_tokens = 0;
  double usd_per_million_prompt_tokens = 0;
  double usd_per_million_completion_tokens = 0;
};

// The models jobs may name: a configured table plus what workers announce. A value type; externally
// synchronised.
class ModelTable {
 public:
  // The table this version ships with: the provider's public models of November 2026 with their
  // published context sizes and prices.
  static ModelTable Shipped();

  void Configure(absl::string_view id, const ModelInfo& info);
  // Adds an id that a worker can reach; keeps what is configured. Announced ids are never removed:
  // a job accepted while a worker was connected stays valid when it leaves. At most 1,000 are kept.
  void Announce(absl::string_view id);

  // Null when unknown. Valid until the next change of the table.
  const ModelInfo* Find(absl::string_view id) const;
  // The known id nearest in spelling, or "" when none is near: for "did you mean".
  std::string Suggest(absl::string_view id) const;
  double CostUsd(absl::string_view id, const Usage& usage) const;

  const std::map<std::string, ModelInfo, std::less<>>& all() const { return models_; }

 private:
  std::map<std::string, ModelInfo, std::less<>> models_;  // ordered: lists and errors are stable
};

}  // namespace moa
