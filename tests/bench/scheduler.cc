// What a decision of the coordinator's scheduler costs, and how that grows with workers and queue: the real Scheduler
// in virtual time, no process, no network.
//
//   scheduler [--workers 1000] [--queue 10000] [--tenants 16] [--calls 20000] [--repeat 5] [--json]
//
// Workers have 8 to 64 slots, four models and one of four keys. Each variant first fills the cluster, then lets calls
// end one after another; after each comes what a round of the coordinator's loop asks (TakeSlow, TakeClosed, Assign,
// NextWakeUp, the levels). A call that is placed is replaced by a new one in the queue.
//
//   full          every slot is taken: who ends makes room for one
//   half          every second slot is free and nothing waits: who comes is placed at once
//   quota         every second slot is free, but the queue waits for quota, which lets in one call at a time
//
// Each with 10, 100, 1,000 … up to `workers` workers at the given queue, then with queues of 0, 100, 1,000 … 100,000
// tasks at `workers` workers. Figures:
//
//   CPU us a call     Enqueue, Finish and the round, and the simulation's own 1 us
//   round p50, p99    us of CPU, so that other programs on the machine do not show
//   bytes a task, a worker   of the heap
//   CPU us a call lost with its worker   RemoveWorker with all slots taken

#include "coordinator/scheduler/scheduler.h"

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <optional>
#include <queue>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/bench/arguments.h"

namespace moa::bench {
namespace {

constexpr int kModels = 4;
constexpr int kKeys = 4;
constexpr uint64_t kTokens = 1'000;  // that a call reserves, and uses
constexpr double kQuotaShare = 0.5;

enum class Load { kFull, kHalf, kQuota };

const char* NameOf(Load load) {
  if (load == Load::kFull) return "full";
  return load == Load::kHalf ? "half" : "quota";
}

double CpuUs() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_nsec) * 1e-3;
}

double HeapBytes() { return static_cast<double>(mallinfo2().uordblks); }

struct Shape {
  Load load = Load::kFull;
  int64_t workers = 0;
  int64_t queue = 0;
  int64_t tenants = 0;
};

uint32_t SlotsOf(int64_t worker) { return 8 + static_cast<uint32_t>(worker * 7 % 57); }

uint64_t SlotsOfAll(int64_t workers) {
  uint64_t slots = 0;
  for (int64_t i = 0; i < workers; ++i) slots += SlotsOf(i);
  return slots;
}

SchedulerOptions OptionsOf(const Shape& shape) {
  SchedulerOptions options;
  // With `quota` as many calls at once as half of the slots; else limits that never bind.
  QuotaRule rule;
  rule.limits.requests[0] = 1'000'000'000;
  rule.limits.tokens[0] = 1'000'000'000'000;
  if (shape.load == Load::kQuota) {
    const double calls = static_cast<double>(SlotsOfAll(shape.workers)) * kQuotaShare;
    rule.concurrent_max = std::max(1u, static_cast<uint32_t>(calls / (kKeys * kModels)));
  }
  options.quotas = {rule};
  return options;
}

// A cluster of one scheduler, in virtual time.
class Cluster {
 public:
  explicit Cluster(const Shape& shape) : shape_(shape), scheduler_(OptionsOf(shape)), random_(1) {
    const double before = HeapBytes();
    for (int64_t i = 0; i < shape.workers; ++i) scheduler_.SetWorker(IdOf(i), CapacityOf(i));
    bytes_a_worker_ = (HeapBytes() - before) / static_cast<double>(shape.workers);
    uint64_t target = SlotsOfAll(shape.workers);
    if (shape.load != Load::kFull) target /= 2;
    for (uint64_t i = 0; i < target; ++i) Enqueue();
    Round();
    const double empty = HeapBytes();
    for (int64_t i = 0; i < shape.queue; ++i) Enqueue();
    if (shape.queue > 0) {
      bytes_a_task_ = (HeapBytes() - empty) / static_cast<double>(shape.queue);
    }
    Round();
  }

  // One call ends, and what may follow does.
  void Step() {
    const auto [at, ref] = ends_.top();
    ends_.pop();
    now_ = at;
    scheduler_.Finish(ref,
                      {.kind = CallEnd::Kind::kProcessed,
                       .used = {.uncached = kTokens, .total = kTokens},
                       .retry_after = std::nullopt},
                      absl::Milliseconds(800), 500, now_);
    Enqueue();
    const double before = CpuUs();
    Round();
    rounds_us_.push_back(CpuUs() - before);
  }

  // All workers leave, one after another. Returns how many calls were lost.
  size_t LoseWorkers() {
    size_t lost = 0;
    for (int64_t i = 0; i < shape_.workers; ++i) {
      lost += scheduler_.RemoveWorker(IdOf(i), now_).size();
    }
    return lost;
  }

  const std::vector<double>& rounds_us() const { return rounds_us_; }
  double bytes_a_worker() const { return bytes_a_worker_; }
  double bytes_a_task() const { return bytes_a_task_; }
  size_t queued() const { return scheduler_.queued(); }
  size_t running() const { return scheduler_.running(); }
  uint64_t checksum() const { return checksum_; }

 private:
  using End = std::pair<absl::Time, AttemptRef>;

  static WorkerId IdOf(int64_t i) { return WorkerId(absl::StrCat("worker-", i, "-0123456789ab")); }
  static std::string ModelOf(uint64_t i) { return absl::StrCat("model-", i, "-of-the-provider"); }
  static WorkerCapacity CapacityOf(int64_t i) {
    WorkerCapacity capacity{
        .slots = SlotsOf(i), .models = {}, .key = absl::StrCat("key-", i % kKeys)};
    for (int model = 0; model < kModels; ++model) {
      capacity.models.push_back(ModelOf(static_cast<uint64_t>(model)));
    }
    return capacity;
  }

  void Enqueue() {
    const uint64_t n = next_++;
    // Seven tasks a job, as a MoA of two layers of three agents has.
    scheduler_.Enqueue({.ref = {.job = JobId(absl::StrCat("01890a5d-ac96-774b-bcce-", n / 7)),
                                .task = static_cast<uint32_t>(n % 7),
                                .attempt = 1,
                                .epoch = 1},
                        .tenant = Tenant(absl::StrCat(
                            "tenant-", random_() % static_cast<uint64_t>(shape_.tenants))),
                        .model = ModelOf(random_() % kModels),
                        .stages_left = 1 + static_cast<uint32_t>(random_() % 3),
                        .accepted_at = now_,
                        .enqueued_at = now_,
                        .prompt_tokens = kTokens / 2,
                        .completion_tokens = kTokens / 2});
  }

  // As Coordinator::AfterRound asks.
  void Round() {
    checksum_ += scheduler_.TakeSlow(now_).size() + scheduler_.TakeClosed(now_).size();
    for (const Assignment& assignment : scheduler_.Assign(now_)) {
      const auto ms = 200 + static_cast<int64_t>(random_() % 1'600);
      ends_.emplace(now_ + absl::Milliseconds(ms), assignment.ref);
    }
    checksum_ += scheduler_.NextWakeUp() > now_ ? 1 : 0;
    checksum_ += scheduler_.slots_total() + (scheduler_.oldest_enqueued() > now_ ? 1 : 0);
  }

  const Shape shape_;
  Scheduler scheduler_;
  std::mt19937_64 random_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
  std::priority_queue<End, std::vector<End>, std::greater<>> ends_;
  std::vector<double> rounds_us_;
  uint64_t next_ = 0;
  uint64_t checksum_ = 0;
  double bytes_a_worker_ = 0;
  double bytes_a_task_ = 0;
};

void Measure(const Shape& shape, int64_t calls, Report& report) {
  Cluster cluster(shape);
  const std::string variant =
      absl::StrCat(NameOf(shape.load), ", ", shape.workers, " workers, queue ", shape.queue);
  const double before = CpuUs();
  for (int64_t i = 0; i < calls; ++i) cluster.Step();
  report.Add(variant, "CPU us a call", (CpuUs() - before) / static_cast<double>(calls));
  report.Add(variant, "round p50 us", Quantile(cluster.rounds_us(), 0.5));
  report.Add(variant, "round p99 us", Quantile(cluster.rounds_us(), 0.99));
  report.Add(variant, "calls under way", static_cast<double>(cluster.running()));
  if (shape.queue > 0) report.Add(variant, "bytes a queued task", cluster.bytes_a_task());
  if (shape.load != Load::kFull) return;
  report.Add(variant, "bytes a worker", cluster.bytes_a_worker());
  const double losing = CpuUs();
  const size_t lost = cluster.LoseWorkers();
  report.Add(variant, "CPU us a call lost with its worker",
             (CpuUs() - losing) / static_cast<double>(std::max<size_t>(1, lost)));
}

Report MeasureAll(const Arguments& arguments) {
  const auto& numbers = arguments.numbers;
  Report report("scheduler", absl::StrCat(numbers.at("calls"), " calls, ", numbers.at("tenants"),
                                          " tenants, 4 models, 4 keys, 8 to 64 slots a worker"));
  std::vector<Shape> shapes;
  for (const Load load : {Load::kFull, Load::kHalf, Load::kQuota}) {
    const int64_t most = numbers.at("workers");
    const auto add = [&](int64_t workers, int64_t queue) {
      shapes.push_back({load, workers, queue, std::max<int64_t>(1, numbers.at("tenants"))});
    };
    const int64_t queue = load == Load::kHalf ? 0 : numbers.at("queue");
    for (int64_t workers = 10; workers < most; workers *= 10) add(workers, queue);
    add(most, queue);
    if (load == Load::kHalf) continue;  // nothing waits where there is room
    for (int64_t more = 100; more <= 100'000; more *= 10) {
      if (more != queue) add(most, more);
    }
  }
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    for (const Shape& shape : shapes) Measure(shape, numbers.at("calls"), report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(
      argc, argv, {{"workers", 1000}, {"queue", 10'000}, {"tenants", 16}, {"calls", 20'000}},
      moa::bench::MeasureAll);
}
