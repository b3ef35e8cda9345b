// What each preset costs and yields, and what ending early saves.
//
//   presets [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// A job of each shipped preset in turn, one at a time, through 2 workers of 64 slots at the service's own speed without
// its queue's outliers; each repetition has a seed and a cluster of its own. Then:
//   cepo            with six confident plans being enough, and waiting for all nine
//   quorum          40 jobs of 6 agents of whose calls 3 % take twenty times as long, with a quorum of 4 and without,
//                   hedges off: p99 of latency
//
//   calls planned   the most that the flow can make (its rounds all run), hedges and retries aside
//   added latency   the job's latency less its critical path

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/lib/moa_client.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

v1::JobSpec JobOf(const std::string& preset) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content("Plan an afternoon in San Francisco for two people who like to walk.");
  job.set_preset(preset);
  return job;
}

void AddJob(const std::string& variant, const v1::Job& job, Report& report) {
  const v1::Usage& tokens = job.usage().tokens();
  report.Add(variant, "calls made", job.usage().upstream_calls());
  report.Add(variant, "critical path, ms", static_cast<double>(job.critical_path_us()) / 1e3);
  report.Add(
      variant, "added latency, ms",
      static_cast<double>(job.latency_us() - std::min(job.latency_us(), job.critical_path_us())) /
          1e3);
  report.Add(variant, "tokens",
             static_cast<double>(tokens.prompt_tokens() + tokens.completion_tokens()));
  report.Add(variant, "degraded", job.degraded() ? 1 : 0);
  report.Add(variant, "not succeeded", job.state() == v1::JOB_STATE_SUCCEEDED ? 0 : 1, Never());
}

void MeasurePresets(BenchCluster& cluster, Report& report) {
  const auto presets = cluster.client().Presets();
  if (!presets.ok()) throw std::runtime_error(presets.status().ToString());
  for (const v1::Preset& preset : *presets) {
    const auto plan = cluster.client().Inspect(JobOf(preset.name()));
    if (!plan.ok()) throw std::runtime_error(plan.status().ToString());
    report.Add(preset.name(), "calls planned", plan->calls_max());
    AddJob(preset.name(), RunJob(cluster.client(), JobOf(preset.name())), report);
  }
  v1::JobSpec all = JobOf("cepo");
  all.mutable_moa()->add_layers()->mutable_enough()->set_answers(9);
  AddJob("cepo, waiting for all plans", RunJob(cluster.client(), all), report);
}

void MeasureQuorum(const Arguments& arguments, int64_t seed, bool quorum, Report& report) {
  cluster::Args coordinator = {"--hedge=false"};
  coordinator.insert(coordinator.end(), arguments.coordinator.begin(), arguments.coordinator.end());
  BenchCluster cluster({.simulator = {"--seed", absl::StrCat(seed), "--slow-queue-share", "0",
                                      "--fault", "slow=x20,p=0.03"},
                        .coordinator = coordinator});
  const std::vector<JobOutcome> outcomes =
      RunJobs(cluster.client(),
              {.jobs = 40, .concurrency = 4, .make = [&](int64_t, const std::string& mark) {
                 v1::JobSpec job = MakeJob({.layers = 1, .agents = 6}, mark);
                 if (quorum) job.mutable_moa()->mutable_layers(0)->mutable_quorum()->set_min(4);
                 return job;
               }});
  const std::string variant = quorum ? "quorum of 4 of 6" : "no quorum";
  report.Add(variant, "job latency p50, ms", Quantile(Latencies(outcomes), 0.5));
  report.Add(variant, "job latency p99, ms", Quantile(Latencies(outcomes), 0.99));
  report.Add(variant, "not succeeded", static_cast<double>(Failures(outcomes)), Never());
}

Report MeasureAll(const Arguments& arguments) {
  Report report(
      "presets",
      "one job at a time at the service's own speed, 2 workers; 40 jobs of 1x6+1 for the quorum");
  for (int64_t seed = 1; seed <= arguments.repeat; ++seed) {
    {
      BenchCluster cluster({.simulator = {"--seed", absl::StrCat(seed), "--slow-queue-share", "0"},
                            .coordinator = arguments.coordinator});
      MeasurePresets(cluster, report);
    }
    MeasureQuorum(arguments, seed, false, report);
    MeasureQuorum(arguments, seed, true, report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {}, moa::bench::MeasureAll);
}
