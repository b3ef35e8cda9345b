// What the system does while the provider refuses everybody, and how soon it is back.
//
//   storm [--concurrency 16] [--before-seconds 6] [--storm-seconds 10] [--after-seconds 10]
//         [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// Clients that each run a job of 2x3+1 after the other, through 2 workers of 64 slots, without rate
// limits, at the service's own speed and without the outliers of its queue. After `before` seconds
// every call is answered 429 queue_exceeded for `storm` seconds, 0.7 s longer in each further
// repetition, lest its end meets somebody's rhythm by chance; `after` seconds later the clients
// submit no more, and what they began runs to its end. The first second counts as warming up.
//
//   amplification   upstream requests / tasks finished (7 a job that succeeded), over the whole run
//   refused         requests answered during the storm
//   recovery        from the end of the storm until a second begins (looked at every 50 ms) in which
//                   calls complete at 95 % of the rate of the time before the storm. Where that
//                   never happens within `after` - 1 seconds, that time stands.

#include <algorithm>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

constexpr int64_t kSecondNs = 1'000'000'000;
constexpr int64_t kStepNs = kSecondNs / 20;

struct Storm {
  int64_t load_ns = 0;  // the load began
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

// `ended` is sorted.
double Between(const std::vector<int64_t>& ended, int64_t from_ns, int64_t to_ns) {
  const auto first = std::lower_bound(ended.begin(), ended.end(), from_ns);
  return static_cast<double>(std::lower_bound(first, ended.end(), to_ns) - first);
}

double RecoverySeconds(const std::vector<int64_t>& ended, const Storm& storm, double rate,
                       int64_t after_ns) {
  int64_t waited_ns = 0;
  for (; waited_ns + kSecondNs < after_ns; waited_ns += kStepNs) {
    const int64_t from_ns = storm.end_ns + waited_ns;
    if (Between(ended, from_ns, from_ns + kSecondNs) >= 0.95 * rate) break;
  }
  return static_cast<double>(waited_ns) / kSecondNs;
}

void Measure(const Arguments& arguments, int64_t repetition, Report& report) {
  const auto& numbers = arguments.numbers;
  const absl::Duration before = absl::Seconds(numbers.at("before-seconds"));
  const absl::Duration raging =
      absl::Seconds(numbers.at("storm-seconds")) + repetition * absl::Milliseconds(700);
  const absl::Duration after = absl::Seconds(numbers.at("after-seconds"));
  const JobShape shape;
  BenchCluster cluster(
      {.simulator = {"--slow-queue-share", "0"}, .coordinator = arguments.coordinator});
  Storm storm;
  storm.load_ns = MonotonicNs();
  std::jthread weather([&] {
    absl::SleepFor(before);
    storm.begin_ns = MonotonicNs();
    cluster.SetFaults({"status=429:queue"});
    absl::SleepFor(raging);
    cluster.SetFaults({});
    storm.end_ns = MonotonicNs();
  });
  const std::vector<JobOutcome> outcomes =
      RunJobs(cluster.client(),
              {.jobs = 1'000'000,
               .concurrency = numbers.at("concurrency"),
               .submit_for = before + raging + after,
               .time_limit = before + raging + after + absl::Minutes(2),
               .make = [&](int64_t, const std::string& mark) { return MakeJob(shape, mark); }});
  weather.join();

  std::vector<int64_t> ended;
  int64_t requests = 0, refused = 0;
  for (const Call& call : cluster.Calls()) {
    ++requests;
    if (call.status == 429) ++refused;
    if (call.status == 200) ended.push_back(call.ended_ns);
  }
  std::sort(ended.begin(), ended.end());
  const int64_t warm_ns = storm.load_ns + kSecondNs;
  const double rate = Between(ended, warm_ns, storm.begin_ns) /
                      (static_cast<double>(storm.begin_ns - warm_ns) / kSecondNs);
  const int64_t failed = Failures(outcomes);
  const auto tasks =
      static_cast<double>((static_cast<int64_t>(outcomes.size()) - failed) * shape.calls());
  const std::string variant = "queue_exceeded";
  report.Add(variant, "amplification, requests / tasks finished",
             static_cast<double>(requests) / std::max(1.0, tasks), AtMost(1.1));
  report.Add(variant, "jobs that did not succeed", static_cast<double>(failed), Never());
  report.Add(variant, "recovery to 95 % of goodput, s",
             RecoverySeconds(ended, storm, rate, absl::ToInt64Nanoseconds(after)),
             Target{.bound = 2, .every_run = true});
  report.Add(variant, "requests refused", static_cast<double>(refused));
  report.Add(variant, "goodput before, calls/s", rate);
  report.Add(variant, "jobs", static_cast<double>(outcomes.size()));
}

Report MeasureStorm(const Arguments& arguments) {
  const auto& numbers = arguments.numbers;
  Report report("storm", absl::StrCat(numbers.at("concurrency"), " jobs of 2x3+1 at a time, ",
                                      numbers.at("storm-seconds"),
                                      " s of queue_exceeded to every call, 2 workers"));
  for (int64_t i = 0; i < arguments.repeat; ++i) Measure(arguments, i, report);
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(
      argc, argv,
      {{"concurrency", 16}, {"before-seconds", 6}, {"storm-seconds", 10}, {"after-seconds", 10}},
      moa::bench::MeasureStorm);
}
