#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/coordinator_client.h"
#include "tests/chaos/history.h"

namespace moa::chaos {

struct LoadOptions {
  std::vector<std::string> coordinators;                 // addresses
  int64_t jobs = 0;                                      // at most
  absl::Duration submit_for = absl::InfiniteDuration();  // no job begins later
  int concurrency = 32;                                  // jobs under way, always
  // A job whose client has not heard of its end for so long is given up: it is lost.
  absl::Duration patience = absl::Minutes(2);
  uint64_t seed = 1;
};

// Clients that each submit a job, watch it to its end and submit the next, at any coordinator: one that does not
// answer is left for the next one, with the same idempotency key and the last sequence seen. So a constant number of
// jobs is under way, and their rate is what the cluster makes of it.
//
// Owner: the run. Thread-safe.
class Load {
 public:
  explicit Load(LoadOptions options);

  bool Running() const { return running_.load() > 0; }
  // Whether jobs still begin. Afterwards fewer are under way than before, which is no fault's doing.
  bool Beginning() const;
  int64_t Ended() const { return ended_.load(); }
  // Waits for the clients to end and returns their jobs by number. Once.
  std::vector<ClientJob> Take();

 private:
  void RunClient(int number);
  void Submit(ClientJob& job, size_t& at, absl::Time until);
  void Watch(ClientJob& job, size_t& at, absl::Time until);
  // Asked twice, the second time elsewhere: the key must name the same job.
  void SubmitAgain(ClientJob& job, size_t at);

  // Constant after construction.
  const LoadOptions options_;
  const absl::Time last_submission_;
  std::vector<std::unique_ptr<CoordinatorClient>> coordinators_;

  std::atomic<int64_t> next_ = 0;
  std::atomic<int64_t> ended_ = 0;
  std::atomic<int> running_ = 0;
  std::mutex mutex_;
  std::vector<ClientJob> jobs_;  // guarded by mutex_
  std::vector<std::jthread> clients_;
};

}  // namespace moa::chaos
