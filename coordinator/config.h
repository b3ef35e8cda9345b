#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "coordinator/engine/model_table.h"

namespace moa {

// What `--config FILE` holds, a YAML or JSON file:
//
//   models:
//     - {id: gpt-oss-120b, context_tokens: 131072, max_completion_tokens: 40960,
//        usd_per_million_prompt_tokens: 0.35, usd_per_million_completion_tokens: 0.75}
//
// Its models are added to the shipped table, or take the place of the shipped ones of the same id.
struct CoordinatorConfig {
  ModelTable models = ModelTable::Shipped();
};

// An empty path gives the defaults. INVALID_ARGUMENT lists every mistake with file and line.
absl::StatusOr<CoordinatorConfig> ReadCoordinatorConfig(const std::string& path);

}  // namespace moa
