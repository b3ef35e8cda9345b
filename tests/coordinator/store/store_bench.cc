// Costs of the embedded store: durable inserts by the number of clients that wait for theirs,
// updates by how many are given at once, and lists of a million jobs. The file lies in TMPDIR: what
// it measures is that disk. Run with --benchmark_repetitions=5 and quote medians with the spread.

#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/loop/mutex.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

double ProcessCpuSeconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Bench {
  TempDirectory directory;
  std::unique_ptr<JobStore> store;

  Bench() {
    auto opened = OpenSqliteJobStore(directory.File("jobs.db"), SqliteJobStoreOptions());
    MOA_CHECK(opened.ok());
    store = *std::move(opened);
  }
};

NewJob BenchJob(int64_t n) {
  NewJob job = TestJob(n);
  job.idempotency_key = absl::StrCat("key-", n);
  job.spec = Text(std::string(2000, 's'));
  job.accepted.payload = Text(std::string(200, 'a'));
  return job;
}

// Counts what has been called back; one waiter.
class Countdown {
 public:
  void Add(int n) {
    MutexLock lock(mutex_);
    left_ += n;
  }
  void Done() {
    MutexLock lock(mutex_);
    if (--left_ == 0) zero_.NotifyOne();
  }
  void Wait() {
    MutexLock lock(mutex_);
    while (left_ > 0) zero_.Wait(mutex_);
  }

 private:
  Mutex mutex_;
  CondVar zero_;
  int left_ = 0;
};

// `clients` that each insert again as soon as their last insert is durable, from the callback, as
// clients on a loop do.
class InsertClients {
 public:
  InsertClients(JobStore& store, int64_t jobs) : store_(store), jobs_(jobs) {
    latencies_.reserve(static_cast<size_t>(jobs));
  }

  void Run(int clients) {
    running_.Add(clients);
    for (int i = 0; i < clients; ++i) Next();
    running_.Wait();
  }
  double LatencyUs(double quantile) {
    std::sort(latencies_.begin(), latencies_.end());
    const auto rank = static_cast<size_t>(quantile * static_cast<double>(latencies_.size() - 1));
    return absl::ToDoubleMicroseconds(latencies_[rank]);
  }

 private:
  void Next() {
    const int64_t n = next_++;
    if (n >= jobs_) {
      running_.Done();
      return;
    }
    const absl::Time begin = absl::Now();
    store_.Insert(BenchJob(n), [this, begin](absl::StatusOr<InsertOutcome> outcome) {
      MOA_CHECK(outcome.ok());
      latencies_.push_back(absl::Now() - begin);  // on the writer's thread only
      Next();
    });
  }

  JobStore& store_;
  const int64_t jobs_;
  std::atomic<int64_t> next_{0};
  std::vector<absl::Duration> latencies_;
  Countdown running_;
};

void BM_DurableInsert(benchmark::State& state) {
  constexpr int64_t kJobs = 20'000;
  double cpu = 0;
  for (auto _ : state) {
    state.PauseTiming();
    auto bench = std::make_unique<Bench>();
    InsertClients clients(*bench->store, kJobs);
    const double before = ProcessCpuSeconds();
    state.ResumeTiming();
    clients.Run(static_cast<int>(state.range(0)));
    state.PauseTiming();
    cpu += ProcessCpuSeconds() - before;
    state.counters["p50_us"] = clients.LatencyUs(0.5);
    state.counters["p99_us"] = clients.LatencyUs(0.99);
    bench.reset();
    state.ResumeTiming();
  }
  const double inserts = static_cast<double>(state.iterations() * kJobs);
  state.counters["inserts/s"] = benchmark::Counter(inserts, benchmark::Counter::kIsRate);
  state.counters["cpu_us_per_insert"] = cpu * 1e6 / inserts;
}
BENCHMARK(BM_DurableInsert)
    ->Arg(1)
    ->Arg(16)
    ->Arg(256)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

// Updates of 2 kB in bursts of state.range(0), the next burst when the last is durable.
void BM_Update(benchmark::State& state) {
  constexpr int kJobs = 256;
  const int burst = static_cast<int>(state.range(0));
  Bench bench;
  for (int n = 0; n < kJobs; ++n) MOA_CHECK(InsertAndWait(*bench.store, BenchJob(n)).ok());
  const std::string payload(2000, 'r');
  Countdown left;
  int64_t n = 0;
  const double before = ProcessCpuSeconds();
  for (auto _ : state) {
    left.Add(burst);
    for (int i = 0; i < burst; ++i, ++n) {
      const auto sequence = static_cast<uint64_t>(n / kJobs) + 2;
      bench.store->Update(TestUpdate(TestId(n % kJobs), sequence, payload), [&] { left.Done(); });
    }
    left.Wait();
  }
  const double updates = static_cast<double>(n);
  state.counters["updates/s"] = benchmark::Counter(updates, benchmark::Counter::kIsRate);
  state.counters["cpu_us_per_update"] = (ProcessCpuSeconds() - before) * 1e6 / updates;
}
BENCHMARK(BM_Update)->Arg(1)->Arg(10)->Arg(100)->UseRealTime();

JobStore& MillionJobs() {
  static Bench* const bench = [] {
    constexpr int64_t kJobs = 1'000'000;
    constexpr int64_t kAtOnce = 10'000;
    auto* made = new Bench();  // for the program's life
    const absl::Time begin = absl::Now();
    Countdown left;
    for (int64_t n = 0; n < kJobs; ++n) {
      NewJob job = TestJob(n, absl::StrCat("tenant-", n % 10));
      job.idempotency_key = absl::StrCat("key-", n);
      job.row.state = n % 1000 == 0 ? StoredState::kFailed : StoredState::kSucceeded;
      if (n % 5000 == 1) job.row.state = StoredState::kRunning;
      left.Add(1);
      made->store->Insert(std::move(job), [&](absl::StatusOr<InsertOutcome>) { left.Done(); });
      if (n % kAtOnce == 0) left.Wait();
    }
    left.Wait();
    fprintf(stderr, "1,000,000 jobs inserted in %s\n",
            absl::FormatDuration(absl::Now() - begin).c_str());
    return made;
  }();
  return *bench->store;
}

void MeasureList(benchmark::State& state, const JobQuery& base) {
  JobStore& store = MillionJobs();
  std::vector<absl::Duration> times;
  JobQuery query = base;
  for (auto _ : state) {
    const absl::Time begin = absl::Now();
    absl::StatusOr<std::vector<JobRow>> rows = store.List(query);
    MOA_CHECK(rows.ok());
    times.push_back(absl::Now() - begin);
    // The next page, back to the first from somewhere in the middle.
    query.before.reset();
    if (rows->size() == query.limit && times.size() % 5000 != 0) {
      query.before.emplace(rows->back().created, rows->back().id);
    }
  }
  std::sort(times.begin(), times.end());
  state.counters["p95_us"] = absl::ToDoubleMicroseconds(times[times.size() * 95 / 100]);
}

void BM_ListOfAMillion(benchmark::State& state) { MeasureList(state, JobQuery()); }
BENCHMARK(BM_ListOfAMillion)->UseRealTime()->Unit(benchmark::kMicrosecond);

void BM_ListATenantsFailedOfAMillion(benchmark::State& state) {
  JobQuery query;
  query.tenant = "tenant-0";
  query.states = {StoredState::kFailed};
  MeasureList(state, query);
}
BENCHMARK(BM_ListATenantsFailedOfAMillion)->UseRealTime()->Unit(benchmark::kMicrosecond);

void BM_ListUnfinishedOfAMillion(benchmark::State& state) {
  JobStore& store = MillionJobs();
  for (auto _ : state) MOA_CHECK(store.ListUnfinished().value().size() == 200);
}
BENCHMARK(BM_ListUnfinishedOfAMillion)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace moa

BENCHMARK_MAIN();
