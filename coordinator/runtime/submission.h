#pragma once

#include <memory>
#include <string>

#include "coordinator/engine/plan.h"
#include "coordinator/engine/types.h"

namespace moa {

// A job as a client hands it over, checked. A value type.
struct Submission {
  std::shared_ptr<const Plan> plan;  // its spec is normalised and valid
  std::string idempotency_key{};     // empty: none
  std::string hash{};                // HashSpec
  TraceHeaders trace{};              // the client's
};

}  // namespace moa
