#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "coordinator/engine/types.h"
#include "coordinator/scheduler/quota_book.h"
#include "coordinator/scheduler/retry_budget.h"

namespace moa {

// Why an attempt is made.
enum class AttemptKind {
  kFirst,  // also again after a refusal or a lost worker, which cost the provider nothing
  kRetry,  // again after a failure: spends the retry budget, which calls that end well earn
  kHedge,  // beside a slow one: spends the hedge budget, and only where there is plenty
};

// An attempt that may run as soon as there is room for it.
struct ReadyAttempt {
  AttemptRef ref;
  Tenant tenant;
  std::string model;
  AttemptKind kind = AttemptKind::kFirst;
  uint32_t stages_left = 0;  // of its job, its own stage included
  absl::Time accepted_at;    // of its job
  absl::Time enqueued_at;
  // Not before this time: leaves a worker that may still hold the call the time to come back.
  absl::Time not_before = absl::InfinitePast();
  uint64_t prompt_tokens = 0;      // estimated
  uint64_t completion_tokens = 0;  // at most

  // What is set aside of the quota.
  uint64_t reserved() const { return prompt_tokens + completion_tokens; }
};

// What a worker can take.
struct WorkerCapacity {
  uint32_t slots = 0;
  std::vector<std::string> models;  // empty: not known, taken for all but kGraderModel
  bool draining = false;            // gets nothing new
  std::string key;                  // fingerprint of the API key it calls with: whose quota it uses

  // Runs graders, and calls no model.
  bool grades() const { return models.size() == 1 && models[0] == kGraderModel; }
};

struct Assignment {
  AttemptRef ref;
  WorkerId worker;
};

struct SchedulerOptions {
  std::vector<QuotaRule> quotas;
  // Of each quota, what may be used here before SetShare says so: all of it where there are no replicas, 0 where
  // another may be using it.
  uint32_t share_ppm_initial = kQuotaWhole;
  RetryBudget::Options retries;
  bool hedging = true;
  // Hedges may add this share to the calls.
  RetryBudget::Options hedges{.share = 0.04, .saved_max = 5, .free_every = {}};
};

}  // namespace moa
