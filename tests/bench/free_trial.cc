// Whether jobs get through at the limits of a free trial, and in a fair order.
//
//   free_trial [--jobs 3] [--limit-seconds 240] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// Two tenants, each with `jobs` jobs of one layer of two agents and an aggregator (at most 1,000
// tokens each), at 5 requests and 30,000 tokens a minute: 18 calls, of which the full bucket lets in
// 5 at once and the rest one every 12 s. The first tenant's jobs are all submitted before the
// second's. All repetitions run at the same time, each in a cluster of its own with one worker: they
// mostly wait. A job that has not ended after `limit-seconds` has not succeeded.
//
//   quota 429s   refusals of the simulator
//   unfairness   the most by which one tenant's upstream calls let in were ahead of the other's,
//                counted from when both have their jobs in and while both still had calls to come.
//                As many as a job has calls is fair: a job that is nearly finished goes first.
//   seconds      from the first submission to the last end

#include <algorithm>
#include <cstdlib>
#include <set>
#include <stdexcept>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

constexpr const char* kVariant = "5 requests, 30,000 tokens a minute";
constexpr int kCallsPerJob = 3;

struct Result {
  int64_t unfinished = 0;  // or failed
  int64_t refused = 0;
  int64_t unfairness = 0;
  double seconds = 0;
};

// `first` are the marks of the first tenant's jobs; the second's were all there at `since_ns`.
int64_t Unfairness(const std::vector<Call>& calls, const std::set<std::string>& first,
                   int64_t since_ns) {
  int64_t left[2] = {0, 0};
  for (const Call& call : calls) left[first.count(call.mark)] += call.status == 200 ? 1 : 0;
  int64_t balance = 0, most = 0;
  for (const Call& call : calls) {
    if (call.status != 200) continue;
    const size_t tenant = first.count(call.mark);
    if (call.started_ns >= since_ns) balance += tenant == 1 ? 1 : -1;
    // Once one has had all its calls the other is alone, and ahead of nobody.
    if (--left[tenant] == 0) break;
    most = std::max(most, std::abs(balance));
  }
  return most;
}

bool Ended(v1::JobState state) {
  return state == v1::JOB_STATE_SUCCEEDED || state == v1::JOB_STATE_FAILED ||
         state == v1::JOB_STATE_CANCELLED;
}

Result RunOnce(BenchCluster& cluster, int64_t jobs, absl::Duration limit) {
  const absl::Time start = absl::Now();
  std::vector<std::string> ids;
  std::set<std::string> first;
  for (int64_t n = 0; n < 2 * jobs; ++n) {
    const std::string mark = absl::StrCat("j", n);
    if (n < jobs) first.insert(mark);
    const auto submitted =
        cluster.client().Submit(MakeJob({.layers = 1,
                                         .agents = 2,
                                         .max_completion_tokens = 1'000,
                                         .tenant = n < jobs ? "first" : "second"},
                                        mark));
    if (!submitted.ok()) throw std::runtime_error(submitted.status().ToString());
    ids.push_back(submitted->job_id());
  }
  const int64_t submitted_ns = MonotonicNs();
  Result result;
  for (const std::string& id : ids) {
    absl::StatusOr<v1::Job> job = cluster.client().Get(id);
    while (job.ok() && !Ended(job->state()) && absl::Now() - start < limit) {
      absl::SleepFor(absl::Milliseconds(200));
      job = cluster.client().Get(id);
    }
    if (!job.ok() || job->state() != v1::JOB_STATE_SUCCEEDED) ++result.unfinished;
  }
  result.seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const std::vector<Call> calls = cluster.Calls();
  for (const Call& call : calls) result.refused += call.status == 429 ? 1 : 0;
  result.unfairness = Unfairness(calls, first, submitted_ns);
  return result;
}

Report MeasureFreeTrial(const Arguments& arguments) {
  const int64_t jobs = arguments.numbers.at("jobs");
  const absl::Duration limit = absl::Seconds(arguments.numbers.at("limit-seconds"));
  Report report("free_trial", absl::StrCat("two tenants with ", jobs,
                                           " jobs of 1x2+1 each, max_completion_tokens 1000, ",
                                           arguments.repeat, " clusters at once, 1 worker each"));
  std::vector<std::unique_ptr<BenchCluster>> clusters;
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    clusters.push_back(std::make_unique<BenchCluster>(BenchCluster::Options{
        .simulator = {"--requests-per-minute", "5", "--tokens-per-minute", "30000"},
        .coordinator = arguments.coordinator,
        .workers = 1}));
  }
  std::vector<Result> results(clusters.size());
  std::vector<std::jthread> runs;
  for (size_t i = 0; i < clusters.size(); ++i) {
    runs.emplace_back([&, i] { results[i] = RunOnce(*clusters[i], jobs, limit); });
  }
  runs.clear();
  for (const Result& result : results) {
    report.Add(kVariant, "jobs that did not succeed", static_cast<double>(result.unfinished),
               Never());
    report.Add(kVariant, "unfairness, calls", static_cast<double>(result.unfairness),
               AtMost(kCallsPerJob));
    report.Add(kVariant, "quota 429s", static_cast<double>(result.refused));
    report.Add(kVariant, "seconds", result.seconds);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"jobs", 3}, {"limit-seconds", 240}},
                                  moa::bench::MeasureFreeTrial);
}
