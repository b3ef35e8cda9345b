#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/jobfile/presets.h"
#include "coordinator/engine/model_table.h"

namespace moa {

// Limits that the operator knows before the provider's headers tell: for one organisation's key and
// one model, or for any. Absent: not known, nothing is enforced. A plain struct.
struct QuotaConfig {
  std::string model = "*";  // an id of the table, or any
  std::string key = "*";    // a key's fingerprint as workers announce it, or any
  std::optional<uint64_t> requests_per_minute{};
  std::optional<uint64_t> requests_per_hour{};
  std::optional<uint64_t> requests_per_day{};
  // Tokens that were not served from the provider's prompt cache.
  std::optional<uint64_t> tokens_per_minute{};
  std::optional<uint64_t> tokens_per_hour{};
  std::optional<uint64_t> tokens_per_day{};
  std::optional<uint64_t> total_tokens_per_minute{};  // cached ones included
  std::optional<uint32_t> max_concurrent{};           // calls at once
};

// What `--config FILE` holds, a YAML or JSON file; docs/operations.md describes it:
//
//   models:
//     - {id: my-endpoint, context_tokens: 131072, max_completion_tokens: 40960,
//        usd_per_million_prompt_tokens: 0.35, usd_per_million_completion_tokens: 0.75,
//        tokens_per_second: 1500, reasoning_efforts: [low, medium, high],
//        default_reasoning_effort: medium, reservation_tokens_max: 16384}
//   aliases: {llama3.1-8b: my-endpoint}
//   quotas:
//     - {model: my-endpoint, key: "*", requests_per_minute: 1000, tokens_per_minute: 1000000}
//   presets:
//     - {name: duo, description: Two answers and a reply, moa: {layers: […], aggregator: {…}}}
//
// Models are added to the shipped table, or take the place of the shipped ones of the same id whole;
// so do aliases, and presets by their names.
struct CoordinatorConfig {
  ModelTable models = ModelTable::Shipped();
  std::vector<v1::Preset> presets = ShippedPresets();  // by name
  std::vector<QuotaConfig> quotas{};  // in the order of the file; no two of the same model and key
};

// An empty path gives the defaults. INVALID_ARGUMENT lists every mistake with file and line.
absl::StatusOr<CoordinatorConfig> ReadCoordinatorConfig(const std::string& path);

}  // namespace moa
