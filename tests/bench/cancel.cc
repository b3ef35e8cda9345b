// How long it takes from CancelJob to the closed connections, and what is left behind.
//
//   cancel [--cancels 10000] [--concurrency 8] [--repeat 5] [--json] [-- FLAGS OF THE COORDINATOR]
//
// `cancels` jobs over all phases and repetitions, each submitted, followed into its phase and
// cancelled, by 8 clients at a time, through 2 workers of 64 slots (one of 1 slot, taken by another
// job, where jobs are to be queued). Each phase of each repetition has a cluster of its own. Phases:
//
//   queued         no slot is free
//   dispatched     as soon as the coordinator tells that a task was started
//   first byte     both calls of the first layer have reached the simulator, which is silent
//   mid-stream     as soon as the first text arrives
//   retry waiting  every call is answered 503; one has been
//   hedged         two calls of one task run (only where the coordinator has --hedge; one in twenty of
//                  the cancels, since hedges are at most 5 % of the calls)
//
// Figures:
//   cancel to closed    from just before CancelJob is sent until the simulator notices that the last
//                       of the job's connections was closed (its end of the exchange; one clock)
//   late calls          upstream calls that began after CancelJob had answered
//   calls left          in progress at the simulator a second after the last cancel (or sooner 0)
//   left of moa_quota_reserved_…   the coordinator's gauges, then or within another second

#include <algorithm>
#include <atomic>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

enum class Until { kSubmitted, kStarted, kArrived, kText, kRefused, kHedged };

struct Phase {
  const char* name = "";
  Until until = Until::kSubmitted;
  cluster::Args simulator;
  std::vector<std::string> faults;
};

const Phase& PhaseOf(Until until) {
  static const std::vector<Phase> phases = {
      {"queued", Until::kSubmitted, {}, {"slow=300s"}},
      {"dispatched", Until::kStarted, {}, {"slow=300s"}},
      {"first byte", Until::kArrived, {}, {"slow=300s"}},
      {"mid-stream", Until::kText, {"--time-scale", "20"}, {}},
      {"retry waiting", Until::kRefused, {}, {"status=503"}},
      {"hedged", Until::kHedged, {}, {"slow=300s,prompt=[mark h"}}};
  return phases[static_cast<size_t>(until)];
}

constexpr int kAgents = 2;
constexpr absl::Duration kPatience = absl::Seconds(5);

struct Cancelled {
  std::string mark;
  int64_t sent_ns = 0;
  int64_t answered_ns = 0;
};

// The clients of one phase.
class Cancellers {
 public:
  Cancellers(BenchCluster& cluster, Until until) : cluster_(cluster), until_(until) {}

  void Run(int64_t cancels, int64_t concurrency) {
    std::atomic<int64_t> next{0};
    std::vector<std::jthread> clients;
    for (int64_t i = 0; i < concurrency; ++i) {
      clients.emplace_back([&] {
        for (int64_t n = next.fetch_add(1); n < cancels; n = next.fetch_add(1)) RunOne(n);
      });
    }
  }

  std::vector<Cancelled> cancelled() const { return cancelled_; }
  int64_t errors() const { return errors_; }

 private:
  void RunOne(int64_t n) {
    if (until_ == Until::kHedged) EarnHedge(n);
    Cancelled job{absl::StrCat(until_ == Until::kHedged ? "h" : "c", n)};
    const int agents = until_ == Until::kHedged ? 1 : kAgents;
    const auto submitted =
        cluster_.client().Submit(MakeJob({.layers = 1, .agents = agents}, job.mark));
    if (!submitted.ok()) return Fail(submitted.status());
    const std::string id = submitted->job_id();
    WaitForPhase(id, job.mark);
    job.sent_ns = MonotonicNs();
    const auto ended = cluster_.client().Cancel(id);
    job.answered_ns = MonotonicNs();
    if (!ended.ok()) return Fail(ended.status());
    const std::lock_guard<std::mutex> lock(mutex_);
    cancelled_.push_back(std::move(job));
  }

  // Twenty calls that end well, for each hedge that is to come.
  void EarnHedge(int64_t n) {
    RunJobs(cluster_.client(), {.jobs = 4, .make = [&](int64_t i, const std::string&) {
                                  return MakeJob({.layers = 1, .agents = 5},
                                                 absl::StrCat("e", n, ".", i));
                                }});
  }

  void WaitForPhase(const std::string& id, const std::string& mark) {
    if (until_ == Until::kSubmitted) return;
    if (until_ == Until::kStarted || until_ == Until::kText || until_ == Until::kArrived) {
      cluster_.client()
          .Watch(id, {},
                 [&](const v1::WatchUpdate& update) {
                   return until_ == Until::kText ? !update.has_task_delta()
                                                 : !update.has_task_started();
                 })
          .IgnoreError();
    }
    if (until_ == Until::kArrived) WaitForCalls(mark, "\"outcome\":\"running\"", kAgents);
    if (until_ == Until::kHedged) WaitForCalls(mark, "\"outcome\":\"running\"", 2);
    if (until_ == Until::kRefused) WaitForCalls(mark, "\"status\":503", 1);
  }

  // Asks the simulator until so many of the job's calls show `text`.
  void WaitForCalls(const std::string& mark, absl::string_view text, int count) {
    const std::string address = cluster_.processes().simulator_address();
    const std::string path = absl::StrCat("/sim/requests?bodies=0&mark=", mark);
    cluster::WaitUntil(
        [&] {
          const std::string body = cluster::HttpCall(address, "GET", path).body;
          int found = 0;
          for (size_t at = 0; (at = body.find(text.data(), at, text.size())) != std::string::npos;
               ++at) {
            ++found;
          }
          return found >= count;
        },
        kPatience);
  }

  void Fail(const absl::Status& status) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (++errors_ <= 3) std::cerr << status.ToString() << "\n";
  }

  BenchCluster& cluster_;
  const Until until_;
  std::mutex mutex_;
  std::vector<Cancelled> cancelled_;
  int64_t errors_ = 0;
};

// Takes the only slot; returns the job's id.
std::string TakeSlot(BenchCluster& cluster) {
  const auto submitted = cluster.client().Submit(MakeJob({.layers = 0}, "blocker"));
  if (!submitted.ok()) throw std::runtime_error(submitted.status().ToString());
  if (!cluster::WaitUntil([&] { return cluster.Stats().running == 1; })) {
    throw std::runtime_error("the blocking job does not run");
  }
  return submitted->job_id();
}

void AddLatencies(const std::vector<Cancelled>& cancelled, const std::vector<Call>& calls,
                  const std::string& variant, Report& report) {
  std::map<std::string, std::vector<const Call*>> by_mark;
  for (const Call& call : calls) by_mark[call.mark].push_back(&call);
  std::vector<double> closed_ms, answered_ms;
  int64_t late = 0, hedged = 0;
  for (const Cancelled& job : cancelled) {
    answered_ms.push_back(static_cast<double>(job.answered_ns - job.sent_ns) / 1e6);
    int64_t last_ns = 0;
    int open = 0;
    for (const Call* call : by_mark[job.mark]) {
      late += call->started_ns > job.answered_ns ? 1 : 0;
      if (call->outcome != "client_closed" || call->ended_ns < job.sent_ns) continue;
      last_ns = std::max(last_ns, call->ended_ns);
      ++open;
    }
    hedged += open >= 2 ? 1 : 0;
    if (last_ns > 0) closed_ms.push_back(static_cast<double>(last_ns - job.sent_ns) / 1e6);
  }
  report.Add(variant, "jobs cancelled", static_cast<double>(cancelled.size()));
  report.Add(variant, "of those with connections to close", static_cast<double>(closed_ms.size()));
  if (variant == "hedged") {
    report.Add(variant, "of those with two calls of a task", static_cast<double>(hedged));
  }
  if (!closed_ms.empty()) {
    report.Add(variant, "cancel to closed p50, ms", Quantile(closed_ms, 0.5));
    report.Add(variant, "cancel to closed p99, ms", Quantile(closed_ms, 0.99), AtMost(50));
  }
  report.Add(variant, "CancelJob answered p99, ms", Quantile(answered_ms, 0.99));
  // A task that is on its way to a worker may still begin its call; that one is closed like others.
  const bool on_its_way = variant == PhaseOf(Until::kStarted).name;
  report.Add(variant, "late calls", static_cast<double>(late),
             on_its_way ? std::optional<Target>() : Never());
}

void Measure(const Arguments& arguments, Until until, int64_t cancels, Report& report) {
  const Phase& phase = PhaseOf(until);
  const bool queued = until == Until::kSubmitted;
  cluster::Args simulator = {"--slow-queue-share", "0", "--reply-tokens", "200-240"};
  simulator.insert(simulator.end(), phase.simulator.begin(), phase.simulator.end());
  BenchCluster cluster({.simulator = simulator,
                        .coordinator = arguments.coordinator,
                        .worker = {"--slots", queued ? "1" : "64"},
                        .workers = queued ? 1 : 2});
  cluster.SetFaults(phase.faults);
  const std::string blocker = queued ? TakeSlot(cluster) : "";
  Cancellers clients(cluster, until);
  clients.Run(cancels, arguments.numbers.at("concurrency"));
  if (queued) cluster.client().Cancel(blocker).status().IgnoreError();
  cluster::WaitUntil([&] { return cluster.Stats().running == 0; }, absl::Seconds(1));
  const SimulatorStats stats = cluster.Stats();
  AddLatencies(clients.cancelled(), cluster.Calls(), phase.name, report);
  report.Add(phase.name, "calls left", static_cast<double>(stats.running), Never());
  report.Add(phase.name, "cancels that failed", static_cast<double>(clients.errors()), Never());
  for (const char* gauge : {"moa_quota_reserved_requests", "moa_quota_reserved_tokens"}) {
    std::optional<double> left;
    cluster::WaitUntil(
        [&] {
          left = cluster.CoordinatorGauge(gauge);
          return left.value_or(0) == 0;
        },
        absl::Seconds(1));
    if (left.has_value()) {
      report.Add(phase.name, absl::StrCat("left of ", gauge), *left, Never());
    } else {
      report.Missing(phase.name, gauge, "the coordinator has no such metric");
    }
  }
}

Report MeasureCancels(const Arguments& arguments) {
  const int64_t cancels = arguments.numbers.at("cancels");
  Report report("cancel", absl::StrCat(cancels, " cancels of jobs of 1x2+1, ",
                                       arguments.numbers.at("concurrency"), " at a time"));
  constexpr Until kPhases[] = {Until::kSubmitted, Until::kStarted, Until::kArrived, Until::kText,
                               Until::kRefused};
  const bool can_hedge = CoordinatorHas("--hedge");
  const int64_t each = std::max<int64_t>(1, cancels / (arguments.repeat * std::size(kPhases)));
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    for (const Until until : kPhases) Measure(arguments, until, each, report);
    if (can_hedge) Measure(arguments, Until::kHedged, std::max<int64_t>(1, each / 20), report);
  }
  if (!can_hedge) {
    report.Missing("hedged", "cancel to closed", "the coordinator has no --hedge");
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {{"cancels", 10'000}, {"concurrency", 8}},
                                  moa::bench::MeasureCancels);
}
