#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/lib/moa_client.h"
#include "tests/bench/report.h"

namespace moa::bench {

// The jobs of the benchmarks: `layers` layers of `agents` agents and an aggregator, all of
// gpt-oss-120b, so that one quota binds.
struct JobShape {
  int layers = 2;
  int agents = 3;
  uint32_t max_completion_tokens = 800;
  std::string tenant;  // empty: the default one
  absl::Duration deadline = absl::Minutes(10);

  int calls() const { return layers * agents + 1; }
};

// `mark` goes into the prompt as "[mark NAME]", so that the simulator's records tell whose a call
// is.
v1::JobSpec MakeJob(const JobShape& shape, absl::string_view mark);

// What became of a job.
struct JobOutcome {
  std::string mark;
  std::string id;
  std::string tenant;
  v1::JobState state = v1::JOB_STATE_UNSPECIFIED;  // as left when time was up
  std::string error;                               // of submission, watching or the job
  double latency_ms = 0;                           // as the coordinator says
  int64_t submitted_ns = 0;                        // before SubmitJob, on this clock
  int64_t ended_ns = 0;                            // the end was heard of
};

struct Load {
  int64_t jobs = 0;         // at most
  int64_t concurrency = 1;  // each client submits a job, watches it to its end, submits the next
  // No job begins after this long.
  absl::Duration submit_for = absl::InfiniteDuration();
  // Jobs still running after this long are left: their state stays UNSPECIFIED.
  absl::Duration time_limit = absl::Minutes(5);
  // Makes the nth job, from 0; any thread.
  std::function<v1::JobSpec(int64_t n, const std::string& mark)> make;
};

// Returns when all jobs have ended or time is up. Marks are "j0", "j1", …
std::vector<JobOutcome> RunJobs(Client& client, const Load& load);

// Runs one job to its end. Throws std::runtime_error.
v1::Job RunJob(Client& client, const v1::JobSpec& spec);

// Jobs that did not succeed. Says up to three of their errors on stderr.
int64_t Failures(const std::vector<JobOutcome>& outcomes);
// The latencies of those that did.
std::vector<double> Latencies(const std::vector<JobOutcome>& outcomes);

}  // namespace moa::bench
