// store_crash_writer PATH ROUND: writes jobs and updates to the store until it is killed, and
// reports on stdout, a line each, what has been acknowledged: `E EPOCH` once, then `N ID SEQUENCE`,
// where the event's payload is `ROUND:N` and N counts the writes in their order.

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/loop/mutex.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

constexpr int64_t kWritesMax = 100'000;
constexpr int kOutstandingMax = 64;

class Window {
 public:
  void Enter() {
    MutexLock lock(mutex_);
    while (outstanding_ >= kOutstandingMax) changed_.Wait(mutex_);
    ++outstanding_;
  }
  void Leave() {
    MutexLock lock(mutex_);
    --outstanding_;
    changed_.NotifyOne();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int outstanding_ = 0;
};

void Report(const std::string& line) {
  if (write(STDOUT_FILENO, line.data(), line.size()) < 0) _exit(3);  // the parent is gone
}

int WriteUntilKilled(const std::string& path, int64_t round) {
  absl::StatusOr<std::unique_ptr<JobStore>> store =
      OpenSqliteJobStore(path, SqliteJobStoreOptions());
  if (!store.ok()) {
    fprintf(stderr, "%s\n", std::string(store.status().message()).c_str());
    return 1;
  }
  const absl::StatusOr<uint64_t> epoch = (*store)->NextEpoch();
  if (!epoch.ok()) return 1;
  Report(absl::StrCat("E ", *epoch, "\n"));

  Window window;
  constexpr int64_t kWritesOfAJob = 5;
  for (int64_t n = 0; n < kWritesMax; ++n) {
    window.Enter();
    const JobId id = TestId(round * kWritesMax + n / kWritesOfAJob);
    const int64_t sequence = n % kWritesOfAJob + 1;
    const std::string payload = absl::StrCat(round, ":", n);
    const std::string line = absl::StrCat(n, " ", id.value(), " ", sequence, "\n");
    if (sequence == 1) {
      NewJob job = TestJob(round * kWritesMax + n / kWritesOfAJob);
      job.accepted.payload = Text(payload);
      (*store)->Insert(std::move(job), [&window, line](absl::StatusOr<InsertOutcome> outcome) {
        if (!outcome.ok() || outcome->existing) _exit(4);
        Report(line);
        window.Leave();
      });
      continue;
    }
    JobUpdate update = TestUpdate(id, static_cast<uint64_t>(sequence), payload);
    if (sequence == kWritesOfAJob) update.state = StoredState::kSucceeded;
    (*store)->Update(std::move(update), [&window, line] {
      Report(line);
      window.Leave();
    });
  }
  return 0;
}

}  // namespace
}  // namespace moa

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return moa::WriteUntilKilled(argv[1], atoll(argv[2]));
}
