// What a few slow calls do to a job's latency, and what hedging makes of it.
//
//   tail [--jobs 400] [--concurrency 8] [--slow-per-mille 10] [--slow-factor 10] [--repeat 5]
//        [--json] [-- FLAGS OF THE COORDINATOR]
//
// Jobs of 2 layers x 4 agents + aggregator through 2 workers of 64 slots, 8 at a time, without rate
// limits, at the service's own speed; answers of 150 to 300 tokens, and none of the service's own
// outliers in its queue, so that the slow calls are the only stragglers. 1 % of the calls (by the
// simulator's seed, in the order of arrival) take ten times their own time, first byte to last.
//
//   p99 / p50     of job latency as the coordinator reports it, all jobs of a repetition
//   extra calls   upstream calls / calls that the jobs need, less one
//
// Each repetition measures without hedging and with it, in clusters of their own, in turns. A
// coordinator without --hedge is measured as it is, once.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

constexpr double kRatioTarget = 1.8;
constexpr double kExtraCallsTarget = 0.05;

void Measure(const Arguments& arguments, const std::string& variant,
             const cluster::Args& coordinator, bool judged, Report& report) {
  const auto& numbers = arguments.numbers;
  const JobShape shape{.layers = 2, .agents = 4};
  const double share = static_cast<double>(numbers.at("slow-per-mille")) / 1000;
  BenchCluster cluster(
      {.simulator = {"--slow-queue-share", "0", "--reply-tokens", "150-300", "--fault",
                     absl::StrCat("slow=x", numbers.at("slow-factor"), ",p=", share)},
       .coordinator = coordinator});
  const std::vector<JobOutcome> outcomes =
      RunJobs(cluster.client(),
              {.jobs = numbers.at("jobs"),
               .concurrency = numbers.at("concurrency"),
               .make = [&](int64_t, const std::string& mark) { return MakeJob(shape, mark); }});
  const std::vector<double> latencies = Latencies(outcomes);
  const double p50 = Quantile(latencies, 0.5);
  const double p99 = Quantile(latencies, 0.99);
  const double needed = static_cast<double>(numbers.at("jobs") * shape.calls());
  const double extra = static_cast<double>(cluster.Stats().requests) / needed - 1;
  report.Add(variant, "p99 / p50 of job latency", p99 / std::max(p50, 0.001),
             judged ? std::optional<Target>(AtMost(kRatioTarget)) : std::nullopt);
  report.Add(variant, "extra calls, share", extra,
             judged ? std::optional<Target>(AtMost(kExtraCallsTarget)) : std::nullopt);
  report.Add(variant, "job latency p50, ms", p50);
  report.Add(variant, "job latency p99, ms", p99);
  report.Add(variant, "jobs that did not succeed", static_cast<double>(Failures(outcomes)),
             Never());
}

Report MeasureTail(const Arguments& arguments) {
  const auto& numbers = arguments.numbers;
  Report report("tail",
                absl::StrCat(numbers.at("jobs"), " jobs of 2x4+1, ", numbers.at("concurrency"),
                             " at a time, ", numbers.at("slow-per-mille"), " of 1000 calls x",
                             numbers.at("slow-factor"), " slower, 2 workers"));
  const bool can_hedge = CoordinatorHas("--hedge");
  const auto with = [&](const char* value) {
    cluster::Args args = {absl::StrCat("--hedge=", value)};
    args.insert(args.end(), arguments.coordinator.begin(), arguments.coordinator.end());
    return args;
  };
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    Measure(arguments, "without hedging", can_hedge ? with("false") : arguments.coordinator, false,
            report);
    if (can_hedge) Measure(arguments, "with hedging", with("true"), true, report);
  }
  if (!can_hedge) {
    report.Missing("with hedging", "p99 / p50 of job latency", "the coordinator has no --hedge");
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(
      argc, argv, {{"jobs", 400}, {"concurrency", 8}, {"slow-per-mille", 10}, {"slow-factor", 10}},
      moa::bench::MeasureTail);
}
