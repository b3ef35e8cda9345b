// Whether every job ends, and ends rightly, while everything goes wrong at once.
//
//   faults [--calls 10000] [--per-mille 50] [--concurrency 24] [--limit-seconds 600] [--repeat 5]
//          [--json] [-- FLAGS OF THE COORDINATOR]
//
// Each fault that the simulator knows strikes 5 % of the calls, all of them at once (of those that
// end a call one at most), while jobs of 2x3+1 that need `calls` upstream calls over all repetitions
// go through 2 workers of 64 slots (retries make about half as many again). Workers give up on a call that is silent for 2 s, or that
// takes 6 s: some faults hang. Quota refusals ask for no wait (Retry-After 0), or little would
// happen at all.
//
// A job has ended wrongly when
//   it succeeded and its answer, or an agent's, carries the tag of no prompt of this job that the
//     simulator was asked for, or the references seen by an agent are not the answers of the layer
//     before, in order, those that are empty left out;
//   it succeeded without a word about the agents that it lost;
//   it failed by an error that none of these faults is, or without a second attempt (which a reply
//     that used up its tokens without a word does not call for).
// A job has failed rightly when every attempt of one of its tasks was struck: at these rates about
// half of all calls are.

#include <algorithm>
#include <iostream>
#include <map>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

constexpr const char* kFaults[] = {"status=500",
                                   "status=503:html",
                                   "status=408",
                                   "status=429:requests,retry-after=0",
                                   "status=429:tokens,retry-after=0",
                                   "status=429:queue",
                                   "status=429:http-date,retry-after=0",
                                   "status=429:no-retry-after",
                                   "reset",
                                   "hang",
                                   "html",
                                   "truncate",
                                   "reset-stream",
                                   "hang-stream",
                                   "error-event",
                                   "error-named-event",
                                   "slow=200ms",
                                   "slow=x5",
                                   "broken-json",
                                   "invalid-utf8",
                                   "split-utf8",
                                   "split-lines",
                                   "crlf",
                                   "comments",
                                   "no-ratelimit-headers",
                                   "length-empty",
                                   "content-and-reasoning",
                                   "usage-chunk"};

using Digests = std::map<std::string, std::set<std::string>>;  // by mark

// What a passing fault becomes once attempts are used up.
bool IsPassing(v1::ErrorCode code) {
  return code >= v1::ERROR_CODE_QUOTA_EXCEEDED && code <= v1::ERROR_CODE_MALFORMED_RESPONSE;
}

// What is wrong about a job that succeeded; empty: nothing.
std::string CheckAnswers(const v1::Job& job, const std::set<std::string>& called) {
  std::vector<std::string> before;  // digests of the answers of the layer before
  bool lost = false;
  for (const v1::LayerResult& layer : job.layers()) {
    std::vector<std::string> digests;
    for (const v1::TaskResult& task : layer.tasks()) {
      lost = lost || task.state() != v1::TASK_STATE_SUCCEEDED;
      const std::string& content = task.completion().content();
      if (task.state() != v1::TASK_STATE_SUCCEEDED || content.empty()) continue;
      const std::string digest = cluster::DigestOf(content);
      if (called.count(digest) == 0) return absl::StrCat("a foreign answer: ", content);
      if (cluster::SawOf(content) != before) return absl::StrCat("wrong references: ", content);
      digests.push_back(digest);
    }
    before = std::move(digests);
  }
  if (lost && !job.degraded()) return "agents were lost and the job is not degraded";
  const std::string& answer = job.answer().content();
  if (!answer.empty() && called.count(cluster::DigestOf(answer)) == 0) return "a foreign answer";
  return "";
}

std::string CheckFailure(const v1::Job& job) {
  if (!IsPassing(job.error().code())) {
    return absl::StrCat("failed by ", v1::ErrorCode_Name(job.error().code()), ": ",
                        job.error().message());
  }
  for (const v1::LayerResult& layer : job.layers()) {
    for (const v1::TaskResult& task : layer.tasks()) {
      // A reply that used up its tokens without a word will do so again.
      if (absl::StrContains(task.error().message(), "finish_reason length")) continue;
      if (task.state() == v1::TASK_STATE_FAILED && task.attempts() < 2) {
        return absl::StrCat("gave up after one attempt: ", task.error().message());
      }
    }
  }
  return "";
}

std::string Check(Client& client, const JobOutcome& outcome, const Digests& digests) {
  const absl::StatusOr<v1::Job> job = client.Get(outcome.id);
  if (!job.ok()) return job.status().ToString();
  const auto called = digests.find(outcome.mark);
  static const std::set<std::string> none;
  if (job->state() == v1::JOB_STATE_SUCCEEDED) {
    return CheckAnswers(*job, called == digests.end() ? none : called->second);
  }
  if (job->state() == v1::JOB_STATE_FAILED) return CheckFailure(*job);
  return absl::StrCat("ended as ", v1::JobState_Name(job->state()));
}

void Measure(const Arguments& arguments, Report& report) {
  const auto& numbers = arguments.numbers;
  const JobShape shape;
  cluster::Args simulator = {"--slow-queue-share", "0"};
  BenchCluster cluster({.simulator = simulator,
                        .coordinator = arguments.coordinator,
                        .worker = {"--slots", "64", "--upstream-first-byte-timeout", "2s",
                                   "--upstream-timeout", "6s"}});
  std::vector<std::string> specs;
  const double share = static_cast<double>(numbers.at("per-mille")) / 1000;
  for (const char* fault : kFaults) specs.push_back(absl::StrCat(fault, ",p=", share));
  cluster.SetFaults(specs);
  const int64_t jobs = numbers.at("calls") / arguments.repeat / shape.calls();
  const std::vector<JobOutcome> outcomes =
      RunJobs(cluster.client(),
              {.jobs = jobs,
               .concurrency = numbers.at("concurrency"),
               .time_limit = absl::Seconds(numbers.at("limit-seconds")),
               .make = [&](int64_t, const std::string& mark) { return MakeJob(shape, mark); }});
  cluster.SetFaults({});
  Digests digests;
  for (const Call& call : cluster.Calls()) digests[call.mark].insert(call.digest);
  int64_t open = jobs - static_cast<int64_t>(outcomes.size()), failed = 0, wrong = 0;
  for (const JobOutcome& outcome : outcomes) {
    if (outcome.state == v1::JOB_STATE_UNSPECIFIED) {
      ++open;
      continue;
    }
    failed += outcome.state == v1::JOB_STATE_FAILED ? 1 : 0;
    const std::string mistake = Check(cluster.client(), outcome, digests);
    if (mistake.empty()) continue;
    if (++wrong <= 5) std::cerr << "job " << outcome.id << ": " << mistake << "\n";
  }
  const std::string variant = "every fault at once";
  report.Add(variant, "jobs that did not end", static_cast<double>(open), Never());
  report.Add(variant, "jobs that ended wrongly", static_cast<double>(wrong), Never());
  report.Add(variant, "jobs", static_cast<double>(jobs));
  report.Add(variant, "jobs that failed rightly or wrongly", static_cast<double>(failed));
  report.Add(variant, "upstream calls", static_cast<double>(cluster.Stats().requests));
}

Report MeasureFaults(const Arguments& arguments) {
  const auto& numbers = arguments.numbers;
  Report report("faults", absl::StrCat(std::size(kFaults), " faults, each at ",
                                       numbers.at("per-mille"), " of 1000 calls, jobs of 2x3+1, ",
                                       numbers.at("concurrency"), " at a time, 2 workers"));
  for (int64_t i = 0; i < arguments.repeat; ++i) Measure(arguments, report);
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(
      argc, argv,
      {{"calls", 10'000}, {"per-mille", 50}, {"concurrency", 24}, {"limit-seconds", 600}},
      moa::bench::MeasureFaults);
}
