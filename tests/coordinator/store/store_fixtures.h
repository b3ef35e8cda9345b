#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/store/job_store.h"

namespace moa {

// Shared by the tests of stores: jobs to write, and blocking forms of the asynchronous calls.

// A directory of its own that is removed with everything in it. Not thread-safe.
class TempDirectory {
 public:
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

// The time at which the tests' jobs begin, plus `n` milliseconds.
absl::Time TestTime(int64_t n);

// The id of the `n`-th job: 26 characters, in the order of `n`.
JobId TestId(int64_t n);

// The `n`-th job of `tenant`, created at TestTime(n), queued, with texts that name it.
NewJob TestJob(int64_t n, const std::string& tenant = "default");

// The event `sequence` of a job, without a change of its state.
JobUpdate TestUpdate(const JobId& id, uint64_t sequence, const std::string& payload = "event");

// As TestUpdate, ending or otherwise changing the job's state.
JobUpdate TestStateUpdate(const JobId& id, uint64_t sequence, StoredState state);

// Blocking forms: they return what the callback got, or DEADLINE_EXCEEDED after 30 s.
absl::StatusOr<InsertOutcome> InsertAndWait(JobStore& store, NewJob job);
absl::Status UpdateAndWait(JobStore& store, JobUpdate update);

// True once `condition` holds; looks again every millisecond for at most 30 s.
bool WaitUntil(const std::function<bool()>& condition);

std::string ReadFileBytes(const std::string& path);
void WriteFileBytes(const std::string& path, const std::string& bytes);

}  // namespace moa
