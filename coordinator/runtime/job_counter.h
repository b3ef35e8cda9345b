#pragma once

#include <optional>
#include <string>

#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "coordinator/store/job_store.h"

namespace moa {

struct CountedJobs {
  JobCounts counts{};
  absl::Time as_of;  // by the wall clock: when the count began
};

// Counts a store's jobs for whoever asks. A quick count is made for each who asks. A slow one, of a million jobs, is
// made in the background, and no more of the time than a twentieth: meanwhile callers get the last one, which is at most
// a minute old.
//
// Owner: main. Thread-safe. Has a thread of its own, which blocks on the store; the destructor waits for it.
class JobCounter {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<CountedJobs>)>;

  // Borrowed for this object's life.
  explicit JobCounter(JobStore& store) : store_(store), loop_("moa-counts") {}

  // Of a tenant, or all with "". `done` may be called at once. Errors as JobStore::Count.
  void Count(const std::string& tenant, Done done);

 private:
  struct Kept {
    CountedJobs counted;
    absl::Time began;     // by the loop's clock, as all that follow
    absl::Duration cost;  // how long it took
    bool again = false;   // being counted again
  };
  // What callers get without waiting, if there is any: a slow count that is not too old. Begins the next one when it is
  // due.
  std::optional<CountedJobs> Recent(const std::string& tenant, absl::Time asked);
  absl::StatusOr<CountedJobs> CountNow(const std::string& tenant);

  JobStore& store_;
  Mutex mutex_;
  absl::btree_map<std::string, Kept> kept_ ABSL_GUARDED_BY(mutex_);  // slow ones, by tenant
  Loop loop_;
};

}  // namespace moa
