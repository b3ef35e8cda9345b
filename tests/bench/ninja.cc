// The flow of the talk at its scale: how long eight proposals, their critics, a second round with 16K budgets and a
// summary take at the service's own speed.
//
//   ninja [--seconds-ms 7400] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// One job of preset ninja with a brief of some ten thousand tokens, through 2 workers of 64 slots against a simulator at
// its own speed, its outliers included (one call in ten waits 0.18 to 0.55 s in the queue). Its critics reject every
// answer of the first round and half of those of the second; replies use 20 to 50 % of their limit. Each repetition has
// a seed and a cluster of its own. The job's budget allows 33 calls, hedges included.
//
//   seconds         the job's latency as the coordinator says
//   critical path   the sum over the stages of the longest call
//   tokens          prompts (cached ones included) and completions, as the provider counted them, in all and by stage

#include <iostream>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/lib/moa_client.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

constexpr int64_t kCallsMax = 33;
constexpr double kTokensMin = 500'000;
constexpr int kBriefLines = 420;

// A brief with many constraints, as a planner for a company would get it.
std::string Brief() {
  std::string text =
      "Plan the move of a company of 120 people to a new building within one weekend. Keep every "
      "constraint below.\n\n";
  for (int i = 1; i <= kBriefLines; ++i) {
    absl::StrAppend(&text, "Constraint ", i, ": team ", i % 24 + 1, " on floor ", i % 6 + 1,
                    " keeps ", i % 9 + 2, " machines running until hour ", i % 48,
                    " and needs lift ", i % 3 + 1, " for ", i % 4 + 1, " hours.\n");
  }
  return text;
}

v1::JobSpec NinjaJob() {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(Brief());
  job.set_preset("ninja");
  job.mutable_budget()->set_max_upstream_calls(kCallsMax);
  return job;
}

std::string StageName(const v1::LayerResult& layer) {
  switch (layer.kind()) {
    case v1::STAGE_KIND_PROPOSE:
      return absl::StrCat("proposals, round ", layer.round());
    case v1::STAGE_KIND_CRITIQUE:
      return absl::StrCat("critics, round ", layer.round());
    default:
      return "summary";
  }
}

void AddStages(const v1::Job& job, Report& report) {
  for (const v1::LayerResult& layer : job.layers()) {
    double prompt = 0, cached = 0, completion = 0, longest_us = 0;
    for (const v1::TaskResult& task : layer.tasks()) {
      const v1::Usage& usage = task.completion().usage();
      prompt += static_cast<double>(usage.prompt_tokens());
      cached += static_cast<double>(usage.cached_tokens());
      completion += static_cast<double>(usage.completion_tokens());
      longest_us = std::max(longest_us, static_cast<double>(task.run_us()));
    }
    const std::string stage = StageName(layer);
    report.Add(stage, "prompt tokens", prompt);
    report.Add(stage, "of those cached", cached);
    report.Add(stage, "completion tokens", completion);
    report.Add(stage, "longest call, s", longest_us / 1e6);
  }
}

void Measure(const Arguments& arguments, int64_t seed, Report& report) {
  BenchCluster cluster(
      {.simulator = {"--seed", absl::StrCat(seed), "--personality", "critic=none-then:0.5",
                     "--personality", "length=share:0.2-0.5"},
       .coordinator = arguments.coordinator});
  const v1::Job job = RunJob(cluster.client(), NinjaJob());
  const v1::Usage& tokens = job.usage().tokens();
  const double seconds = static_cast<double>(job.latency_us()) / 1e6;
  const double bound = static_cast<double>(arguments.numbers.at("seconds-ms")) / 1e3;
  report.Add("the job", "seconds", seconds, AtMost(bound));
  report.Add("the job", "critical path, s", static_cast<double>(job.critical_path_us()) / 1e6);
  report.Add("the job", "calls", job.usage().upstream_calls(),
             Target{.bound = kCallsMax, .every_run = true});
  report.Add("the job", "prompt tokens", static_cast<double>(tokens.prompt_tokens()));
  report.Add("the job", "completion tokens", static_cast<double>(tokens.completion_tokens()));
  report.Add("the job", "tokens",
             static_cast<double>(tokens.prompt_tokens() + tokens.completion_tokens()),
             AtLeast(kTokensMin));
  report.Add("the job", "not succeeded", job.state() == v1::JOB_STATE_SUCCEEDED ? 0 : 1, Never());
  AddStages(job, report);
  if (seconds > bound) std::cerr << "seed " << seed << " took " << seconds << " s\n";
}

Report MeasureNinja(const Arguments& arguments) {
  Report report(
      "ninja",
      "preset ninja at the service's own speed, one job a cluster, 2 workers, seeds 1, 2, …");
  for (int64_t seed = 1; seed <= arguments.repeat; ++seed) Measure(arguments, seed, report);
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"seconds-ms", 7400}}, moa::bench::MeasureNinja);
}
