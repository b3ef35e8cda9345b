#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "simulator/api_error.h"
#include "simulator/model_table.h"
#include "simulator/token_bucket.h"

namespace moa::simulator {

// Which limits the simulator enforces.
enum class Tier { kFree, kDeveloper, kUnlimited };

// The tier and what overrides it for every model; 0: the tier's.
struct LimitOptions {
  Tier tier = Tier::kDeveloper;
  int64_t requests_per_minute = 0;
  int64_t tokens_per_minute = 0;  // also sets the total to three times as many
  bool reset_headers = false;  // x-ratelimit-reset-…: documented once, absent from newer captures
};

// Admission as CEREBRAS_API.md, section 5 has it: buckets for each organisation (here: API key) and
// model over a minute, an hour and a day, for requests, for tokens that were not in the prompt
// cache, and for all tokens. A request is let in when its estimate fits every bucket, takes the
// estimate out, and is corrected by what it used. Thread-safe; without limits it costs one branch.
class RateLimits {
 public:
  explicit RateLimits(LimitOptions options);

  // What an admitted request took; give it back to Settle.
  struct Reservation {
    std::string org;
    const Model* model = nullptr;  // null: nothing was taken
    int64_t tokens = 0;
  };
  struct Decision {
    std::optional<ApiError> error;  // set: 429, and nothing was taken
    int64_t retry_after_seconds = 0;
    std::string headers;  // x-ratelimit-… lines in wire form; empty without limits
    Reservation reservation;
  };

  // `estimate` is prompt tokens + ReservedCompletion.
  Decision Admit(absl::string_view org, const Model& model, int64_t estimate, absl::Time now);

  // Replaces the estimate by what was used. Exactly once for each admitted request.
  void Settle(const Reservation& reservation, int64_t uncached_tokens, int64_t total_tokens,
              absl::Time now);

  // New limits while requests run: the buckets that exist take them and keep their level, cut to the
  // new limit. `model` null: every model; a null field stays as it is; 0: the tier's own.
  struct Change {
    const Model* model = nullptr;
    std::optional<int64_t> requests_per_minute;
    std::optional<int64_t> tokens_per_minute;  // also sets the total to three times as many
  };
  void SetLimits(const Change& change, absl::Time now);
  // [{"model":…,"requests_per_minute":…,"tokens_per_minute":…,"total_tokens_per_minute":…},…]; 0: no
  // limit.
  std::string LimitsJson();

  // Tokens set aside for a completion: the request's own bound, at most (and without one) 16,384.
  static int64_t ReservedCompletion(std::optional<int64_t> max_completion_tokens);

 private:
  static constexpr size_t kPeriods = 3;  // minute, hour, day
  struct Overrides {
    int64_t requests_per_minute = 0;  // 0: the tier's
    int64_t tokens_per_minute = 0;
  };
  struct Buckets {
    const Model* model = nullptr;
    std::array<TokenBucket, kPeriods> requests;
    std::array<TokenBucket, kPeriods> uncached;
    std::array<TokenBucket, kPeriods> total;
  };

  ModelLimits LimitsOf(const Model& model) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Apply(Buckets& buckets, absl::Time now) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  Buckets& BucketsOf(absl::string_view org, const Model& model, absl::Time now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Headers(Buckets& buckets, absl::Time now) const;

  const LimitOptions options_;        // its limits are only the overrides to begin with
  std::atomic<bool> limited_{false};  // false: no model has a limit
  mutable Mutex mutex_;
  std::vector<Overrides> overrides_ ABSL_GUARDED_BY(mutex_);  // by place in Models()
  // Nodes are stable; at most kOrgsMax keys, later organisations share one.
  absl::flat_hash_map<std::string, std::unique_ptr<Buckets>> buckets_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa::simulator
