#include "tests/coordinator/store/store_fixtures.h"

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "common/base/check.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"

namespace moa {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);

// What a callback puts down for the thread that waits. The callback may come after the wait is
// over, so both hold it.
template <typename T>
class Slot {
 public:
  void Set(T value) {
    MutexLock lock(mutex_);
    value_.emplace(std::move(value));
    changed_.NotifyAll();
  }
  std::optional<T> Wait() {
    const absl::Time deadline = Loop::Now() + kPatience;
    MutexLock lock(mutex_);
    while (!value_.has_value() && Loop::Now() < deadline) {
      changed_.WaitFor(mutex_, std::chrono::seconds(1));
    }
    // Moved, not copied: a copied error shares a count whose atomics ThreadSanitizer does not see.
    return std::exchange(value_, std::nullopt);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<T> value_;
};

}  // namespace

TempDirectory::TempDirectory() {
  std::string name = (std::filesystem::temp_directory_path() / "moa-store-XXXXXX").string();
  MOA_CHECK(mkdtemp(name.data()) != nullptr);
  path_ = name;
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

absl::Time TestTime(int64_t n) {
  return absl::FromUnixSeconds(1'770'000'000) + absl::Milliseconds(n);
}

JobId TestId(int64_t n) { return JobId(absl::StrFormat("%026d", n)); }

NewJob TestJob(int64_t n, const std::string& tenant) {
  NewJob job;
  job.row.id = TestId(n);
  job.row.tenant = Tenant(tenant);
  job.row.name = absl::StrCat("job ", n);
  job.row.created = TestTime(n);
  job.request_hash = absl::StrCat("hash of ", n);
  job.spec = Text(absl::StrCat("spec of ", n));
  job.accepted.sequence = 1;
  job.accepted.payload = Text(absl::StrCat("accepted ", n));
  return job;
}

JobUpdate TestUpdate(const JobId& id, uint64_t sequence, const std::string& payload) {
  JobUpdate update;
  update.id = id;
  update.event.sequence = sequence;
  update.event.payload = Text(payload);
  return update;
}

JobUpdate TestStateUpdate(const JobId& id, uint64_t sequence, StoredState state) {
  JobUpdate update = TestUpdate(id, sequence);
  update.state = state;
  if (IsTerminal(state)) update.ended = TestTime(1'000'000);
  return update;
}

absl::StatusOr<InsertOutcome> InsertAndWait(JobStore& store, NewJob job) {
  auto slot = std::make_shared<Slot<absl::StatusOr<InsertOutcome>>>();
  store.Insert(std::move(job),
               [slot](absl::StatusOr<InsertOutcome> outcome) { slot->Set(std::move(outcome)); });
  auto outcome = slot->Wait();
  if (!outcome.has_value()) return absl::DeadlineExceededError("no answer to an insert");
  return *std::move(outcome);
}

absl::Status UpdateAndWait(JobStore& store, JobUpdate update) {
  auto slot = std::make_shared<Slot<bool>>();
  store.Update(std::move(update), [slot] { slot->Set(true); });
  return slot->Wait().has_value() ? absl::OkStatus()
                                  : absl::DeadlineExceededError("no answer to an update");
}

bool WaitUntil(const std::function<bool()>& condition) {
  const absl::Time deadline = Loop::Now() + kPatience;
  while (!condition()) {
    if (Loop::Now() >= deadline) return false;
    absl::SleepFor(absl::Milliseconds(1));
  }
  return true;
}

std::string ReadFileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

void WriteFileBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << bytes;
  MOA_CHECK(file.good());
}

}  // namespace moa
