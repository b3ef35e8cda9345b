#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/write_group.h"

namespace moa {

// The writing half of the store: one thread that takes all that is waiting, applies it in order in
// one transaction, commits, and hands the callbacks over. While a group is on its way to the disk
// the next one gathers, so that groups grow with the load. Somebody waits for an insert and for a
// job's end: they never wait for company. What happens to a job in between does, for a moment,
// because most of it then shares the sync that its job's end needs anyway.
//
// When a group fails, its inserts fail, its updates go back to the front of the queue, and the disk
// is tried again after a delay that doubles; until then inserts fail at once with the same reason.
// Inserts that may be durable all the same stay in the queue too: nobody is told a thing that may be wrong.
// With nothing to retry it is probed, so that Health() recovers without traffic.
//
// Owner: the store. Thread-safe. Callbacks must not call Close or NextEpoch, which wait for this
// thread.
class GroupWriter {
 public:
  using InsertDone = absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)>;
  struct Options {
    JobStore::CallbackRunner run_callbacks;  // null: run them on the writer's thread
    // A group's bounds: what bounds the time until its first write is acknowledged, and memory.
    size_t group_writes_max = 1024;
    size_t group_bytes_max = size_t{8} << 20;
    // An update that ends no job waits so long for company. Zero: each is written at once.
    absl::Duration update_delay = absl::Milliseconds(10);
    // With several clients at once, urgent writes too wait for company, until so long after the group before
    // began: under load that trades a moment for half of the syncs. One client alone never waits, except that
    // every company_probe-th group finds out whether there is company by now.
    absl::Duration company_delay = absl::Milliseconds(4);
    uint32_t company_probe = 64;
    // Inserts are refused beyond these, so that a slow disk cannot fill the memory.
    size_t pending_writes_max = 100'000;
    size_t pending_bytes_max = size_t{512} << 20;
    // One insert's or update's bytes; SQLite takes no value beyond 10^9.
    size_t write_bytes_max = size_t{256} << 20;
    // A group that takes longer than this means that the disk hangs: Health() says so, and inserts are refused.
    absl::Duration stall_limit = absl::Seconds(5);
    // Told of each group after it was tried: its writes, how long it took, whether it is durable. On the writer's
    // thread. Null: nobody is told.
    std::function<void(size_t writes, absl::Duration took, bool ok)> tried;
    // Asked before a job is accepted, by any thread, and part of Health(): not OK refuses it. Null: all are.
    std::function<absl::Status()> accepts;
    // Between attempts while the disk refuses.
    absl::Duration retry_delay_min = absl::Milliseconds(20);
    absl::Duration retry_delay_max = absl::Seconds(1);
  };

  // Starts the thread.
  GroupWriter(std::unique_ptr<GroupSink> sink, Options options);
  // REQUIRES: Close was called. Joins the thread: waits for a write that the disk holds up.
  ~GroupWriter();
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  // As the functions of JobStore.
  void Insert(NewJob job, InsertDone done);
  void Update(JobUpdate update, JobStore::Callback done);
  absl::StatusOr<uint64_t> NextEpoch();
  absl::Status Health() const;
  size_t PendingWrites() const;
  absl::Status Close(absl::Duration timeout);

 private:
  using Group = WriteGroup;
  enum class Waiting { kNo, kForWork, kForCompany };
  enum class Turn { kCommit, kRefuse, kProbe, kEnd };

  static size_t BytesOf(const Write& write);
  // Somebody waits for it.
  static bool IsUrgent(const Write& write);
  // Refused when the disk does not take it; else kept until it does.
  static bool MayBeRefused(const Write& write);

  // Queues the write; returns why not, when it is refused, and leaves it to the caller.
  absl::Status Push(Write& write) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunCallbacks(std::vector<JobStore::Callback> callbacks);

  // The rest runs on the writer's thread.
  void Run();
  Turn NextTurn(Group& group) ABSL_LOCKS_EXCLUDED(mutex_);
  // When the group that is gathering may begin.
  // What is wrong, if a group has been on its way for too long.
  absl::Status Stalled() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Time GroupDue() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeGroup(Group& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void TakeRefused(Group& group) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void WaitUntil(absl::Time until, Waiting what) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Succeed(Group group);
  void Fail(Group group, absl::Status why);
  void Refuse(Group group, const absl::Status& why);
  void SetHealth(absl::Status health) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Options options_;
  const std::unique_ptr<GroupSink> sink_;  // the writer's thread's until it has ended

  mutable Mutex mutex_;
  CondVar work_;   // the writer waits
  CondVar ended_;  // Close waits
  Group queue_ ABSL_GUARDED_BY(mutex_);
  size_t queued_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t queued_others_ ABSL_GUARDED_BY(mutex_) =
      0;  // in queue_: those that are refused while the disk fails
  size_t queued_urgent_ ABSL_GUARDED_BY(mutex_) = 0;
  bool has_company_ ABSL_GUARDED_BY(mutex_) = false;  // waiting for company has paid the last time
  uint32_t lonely_groups_ ABSL_GUARDED_BY(mutex_) = 0;  // since it was last tried
  absl::Time group_began_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  // When the oldest in queue_ must be written at the latest, whatever else comes.
  absl::Time due_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  size_t in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  Waiting waiting_ ABSL_GUARDED_BY(mutex_) = Waiting::kNo;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time close_deadline_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  absl::Status health_ ABSL_GUARDED_BY(mutex_);
  size_t abandoned_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Time retry_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Duration retry_delay_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace moa
