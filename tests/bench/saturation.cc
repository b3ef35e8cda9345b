// How much of a shared rate limit the system turns into work.
//
//   saturation [--jobs 500] [--requests-per-minute 6000] [--tokens-per-minute 4000000]
//              [--limit-seconds 240] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// `jobs` jobs of 2 layers x 3 agents + aggregator, all submitted at once, against a simulator at its
// own speed that enforces the limits, with 1, 2 and 4 workers of 64 slots; then once more with 2
// workers and both limits cut to half in mid-run (when half of the calls that the jobs need have
// been let in). Each repetition has a cluster of its own.
//
// So that the run is about the rate and not about a full bucket, the buckets start nearly empty: one
// call past the cluster creates them at a hundredth of the limits, then the limits are raised (the
// level stays). Defined over the time from the first to the last call let in:
//
//   allowed   what the buckets held at the first call + the refill until the last one; with the
//             limits cut, the refill of both parts. (Neither bucket is ever full meanwhile.)
//   goodput   calls let in / requests allowed, or uncached tokens used / tokens allowed, whichever
//             is more: the share of the limit that bound
//   quota 429s after 5 s    refusals later than 5 s after the first call of the run
//   share of calls refused  429s / all calls that reached the simulator

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

struct Limits {
  double requests_per_s = 0;
  double tokens_per_s = 0;
};

struct Run {
  int workers = 2;
  bool halve = false;
};

double Seconds(int64_t ns) { return static_cast<double>(ns) / 1e9; }

// Cuts the limits once `calls` have been let in; when, or 0 when that was never the case.
int64_t HalveInMidRun(BenchCluster& cluster, const Arguments& arguments, int64_t calls,
                      const std::stop_token& stop) {
  const auto& numbers = arguments.numbers;
  while (!stop.stop_requested()) {
    if (cluster.Stats().admitted >= calls) {
      cluster.SetLimits(numbers.at("requests-per-minute") / 2, numbers.at("tokens-per-minute") / 2);
      return MonotonicNs();
    }
    absl::SleepFor(absl::Milliseconds(200));
  }
  return 0;
}

void Measure(const Arguments& arguments, const Run& run, Report& report) {
  const auto& numbers = arguments.numbers;
  const int64_t requests = numbers.at("requests-per-minute");
  const int64_t tokens = numbers.at("tokens-per-minute");
  const Limits limits = {static_cast<double>(requests) / 60, static_cast<double>(tokens) / 60};
  const JobShape shape;
  BenchCluster cluster({.simulator = {"--requests-per-minute", absl::StrCat(requests / 100),
                                      "--tokens-per-minute", absl::StrCat(tokens / 100)},
                        .coordinator = arguments.coordinator,
                        .workers = run.workers});
  cluster.CallDirectly();
  cluster.SetLimits(requests, tokens);
  const int64_t raised_ns = MonotonicNs();
  const double level_share = 0.01;  // a hundredth of a minute's quota

  int64_t halved_ns = 0;
  std::jthread halver;
  if (run.halve) {
    halver = std::jthread([&](const std::stop_token& stop) {
      halved_ns = HalveInMidRun(cluster, arguments, numbers.at("jobs") * shape.calls() / 2, stop);
    });
  }
  const std::vector<JobOutcome> outcomes =
      RunJobs(cluster.client(),
              {.jobs = numbers.at("jobs"),
               .concurrency = numbers.at("jobs"),
               .time_limit = absl::Seconds(numbers.at("limit-seconds")),
               .make = [&](int64_t, const std::string& mark) { return MakeJob(shape, mark); }});
  if (halver.joinable()) {
    halver.request_stop();
    halver.join();
  }

  int64_t first_ns = 0, last_ns = 0, admitted = 0, refused = 0, refused_late = 0, used = 0;
  for (const Call& call : cluster.Calls()) {
    if (call.mark.empty()) continue;  // the direct one
    if (first_ns == 0) first_ns = call.started_ns;
    if (call.status == 429) {
      ++refused;
      refused_late += Seconds(call.started_ns - first_ns) > 5 ? 1 : 0;
      continue;
    }
    last_ns = std::max(last_ns, call.started_ns);
    ++admitted;
    used += call.prompt_tokens - call.cached_tokens + call.generated_tokens;
  }
  // Seconds of full refill: half counts half.
  double refilled_s = Seconds(last_ns - first_ns);
  if (halved_ns > 0 && halved_ns < last_ns) refilled_s -= Seconds(last_ns - halved_ns) / 2;
  const double before_s = Seconds(first_ns - raised_ns) + 60 * level_share;
  const double of_requests =
      static_cast<double>(admitted) / (limits.requests_per_s * (before_s + refilled_s));
  const double of_tokens =
      static_cast<double>(used) / (limits.tokens_per_s * (before_s + refilled_s));
  const std::string variant = absl::StrCat(run.workers, run.workers == 1 ? " worker" : " workers",
                                           run.halve ? ", limits cut to half in mid-run" : "");
  report.Add(variant, "goodput, share of what the quota allowed", std::max(of_requests, of_tokens),
             run.halve ? std::optional<Target>() : AtLeast(0.95));
  report.Add(variant, "quota 429s", static_cast<double>(refused));
  if (run.halve) {
    const auto all = static_cast<double>(std::max<int64_t>(1, admitted + refused));
    report.Add(variant, "share of calls refused", static_cast<double>(refused) / all, AtMost(0.01));
    report.Add(variant, "of those later than 5 s", static_cast<double>(refused_late));
    if (halved_ns == 0) report.Missing(variant, "the cut", "half of the calls were never let in");
  } else {
    report.Add(variant, "quota 429s after 5 s", static_cast<double>(refused_late), Never());
  }
  report.Add(variant, "jobs that did not succeed", static_cast<double>(Failures(outcomes)),
             Never());
  report.Add(variant, "seconds from first to last call", Seconds(last_ns - first_ns));
}

Report Saturate(const Arguments& arguments) {
  const auto& numbers = arguments.numbers;
  Report report("saturation",
                absl::StrCat(numbers.at("jobs"), " jobs of 2x3+1 at once, ",
                             numbers.at("requests-per-minute"), " requests and ",
                             numbers.at("tokens-per-minute"),
                             " tokens a minute, the service's own speed, SQLite synchronous=FULL"));
  constexpr Run kRuns[] = {{1, false}, {2, false}, {4, false}, {2, true}};
  for (const Run& run : kRuns) {
    for (int64_t i = 0; i < arguments.repeat; ++i) Measure(arguments, run, report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv,
                                  {{"jobs", 500},
                                   {"requests-per-minute", 6'000},
                                   {"tokens-per-minute", 4'000'000},
                                   {"limit-seconds", 240}},
                                  moa::bench::Saturate);
}
