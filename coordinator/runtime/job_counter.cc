#include "coordinator/runtime/job_counter.h"

#include <utility>

#include "absl/time/clock.h"

namespace moa {
namespace {

constexpr absl::Duration kQuick = absl::Milliseconds(10);
constexpr absl::Duration kOldest = absl::Minutes(1);
// Of the time, that is spent on counting one tenant's jobs: one part in so many.
constexpr int kParts = 20;
constexpr size_t kTenantsMax = 1000;

}  // namespace

void JobCounter::Count(const std::string& tenant, Done done) {
  const absl::Time asked = Loop::Now();
  if (const std::optional<CountedJobs> recent = Recent(tenant, asked)) return done(*recent);
  loop_.Post([this, tenant, asked, done = std::move(done)]() mutable {
    std::optional<CountedJobs> counted;
    {
      // Somebody else has asked at the same time.
      MutexLock lock(mutex_);
      const auto kept = kept_.find(tenant);
      if (kept != kept_.end() && kept->second.began >= asked) counted = kept->second.counted;
    }
    if (counted) return done(*counted);
    done(CountNow(tenant));
  });
}

std::optional<CountedJobs> JobCounter::Recent(const std::string& tenant, absl::Time asked) {
  MutexLock lock(mutex_);
  const auto it = kept_.find(tenant);
  if (it == kept_.end()) return std::nullopt;
  Kept& kept = it->second;
  if (asked > kept.began + kOldest) return std::nullopt;
  if (asked > kept.began + kParts * kept.cost && !std::exchange(kept.again, true)) {
    loop_.Post([this, tenant] { CountNow(tenant).IgnoreError(); });
  }
  return kept.counted;
}

absl::StatusOr<CountedJobs> JobCounter::CountNow(const std::string& tenant) {
  const absl::Time began = Loop::Now();
  CountedJobs counted{.as_of = absl::Now()};
  absl::StatusOr<JobCounts> counts = store_.Count(tenant);
  const absl::Duration cost = Loop::Now() - began;
  MutexLock lock(mutex_);
  const auto kept = kept_.find(tenant);
  if (!counts.ok()) {
    if (kept != kept_.end()) kept->second.again = false;
    return counts.status();
  }
  counted.counts = *counts;
  if (cost <= kQuick) {
    kept_.erase(tenant);
  } else {
    if (kept == kept_.end() && kept_.size() >= kTenantsMax) kept_.clear();
    kept_[tenant] = {.counted = counted, .began = began, .cost = cost};
  }
  return counted;
}

}  // namespace moa
