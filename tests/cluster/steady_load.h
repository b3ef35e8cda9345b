#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/lib/moa_client.h"

namespace moa::cluster {

// Clients that each submit a job of one layer, watch it to its end, read it, and submit the next: three calls to a model
// a job, no two of them with the same prompt. From its construction until Stop.
//
//   SteadyLoad load(cluster.coordinator_address(), 6);
//   … restart things …
//   const SteadyLoad::Tally tally = load.Stop();
//   EXPECT_THAT(tally.failures, IsEmpty());
//
// Owner: the test, on whose thread Stop runs.
class SteadyLoad {
 public:
  static constexpr int kCallsPerJob = 3;

  struct Tally {
    int64_t submitted = 0;
    int64_t succeeded = 0;  // and heard of once, in Watch as in Get
    // Calls of the client library that did not return OK, and ends that are not as they should be, with the job's id
    // and the second in which it came.
    std::vector<std::string> failures;
  };

  // `addresses` with commas between them; each client begins with another of them.
  SteadyLoad(absl::string_view addresses, int clients);
  ~SteadyLoad();
  SteadyLoad(const SteadyLoad&) = delete;
  SteadyLoad& operator=(const SteadyLoad&) = delete;

  // Returns when so many more jobs have succeeded than now; false when they have not within the patience of a test.
  bool WaitForMore(int64_t jobs);
  // Lets each client finish its job. REQUIRES: called once.
  Tally Stop();

 private:
  void Run(int client, const std::string& addresses);
  void RunJob(Client& client, const std::string& mark);
  void Fail(absl::string_view id, absl::string_view what);

  const absl::Time began_ = absl::Now();
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  Tally tally_;  // guarded by mutex_
  std::vector<std::jthread> clients_;
};

}  // namespace moa::cluster
