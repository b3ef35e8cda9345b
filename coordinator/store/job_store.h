#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/strong_id.h"
#include "common/base/text.h"
#include "coordinator/store/grades.h"

namespace moa {

// A job's state as the store knows it: enough to list and to find unfinished jobs. The values are
// stored: never renumber.
enum class StoredState : int {
  kQueued = 1,
  kRunning = 2,
  kSucceeded = 3,
  kFailed = 4,
  kCancelled = 5,
};

// True for the states that end a job.
bool IsTerminal(StoredState state);

// How many jobs there are, by state.
struct JobCounts {
  std::array<uint64_t, 6> by_state{};  // as StoredState has them; 0 is none
  uint64_t& of(StoredState state) { return by_state.at(static_cast<size_t>(state)); }
  uint64_t of(StoredState state) const { return by_state.at(static_cast<size_t>(state)); }
  friend bool operator==(const JobCounts&, const JobCounts&) = default;
};

// One durable event: its number within the job and its serialised form, which the store does not
// read.
struct StoredEvent {
  uint64_t sequence = 0;
  Text payload;
};

struct JobRow {
  JobId id;
  Tenant tenant;
  std::string name;
  StoredState state = StoredState::kQueued;
  bool degraded = false;
  absl::Time created;
  absl::Time ended = absl::InfinitePast();  // InfinitePast until terminal
  uint64_t owner =
      0;  // the epoch of the coordinator that runs it; read only, 0 where there is only one
};

struct NewJob {
  JobRow row;
  std::string idempotency_key;  // "" for none; unique within the tenant
  std::string request_hash;     // of the normalised job
  Text spec;                    // serialised, not read by the store
  StoredEvent accepted;         // sequence 1
};

// What became of an insert that did not fail.
struct InsertOutcome {
  JobId id;  // the new job's, or the one that the idempotency key already named
  bool existing = false;
  bool same_request = true;  // false: the key belongs to a different job
};

// A further event of a job, with what it changes in the job's row.
struct JobUpdate {
  JobId id;
  StoredEvent event;
  std::optional<StoredState> state;  // terminal states also set `ended`
  bool degraded = false;             // sets the flag; never clears it
  absl::Time ended = absl::InfinitePast();
  std::optional<StoredGrade> grade;  // with a terminal state
};

struct StoredJob {
  JobRow row;
  Text spec;
  std::vector<StoredEvent> events;  // in sequence
};

struct JobQuery {
  std::string tenant;               // "" for all
  std::vector<StoredState> states;  // empty for all
  size_t limit = 50;
  // Jobs strictly older than this (created, id) pair, which is the last row of the page before.
  std::optional<std::pair<absl::Time, JobId>> before;
};

// For implementations, which find jobs by state: those that the query asks for, each once, and the newest of what was
// found, in the order of List.
std::vector<StoredState> StatesOf(const JobQuery& query);
void KeepNewest(size_t limit, std::vector<JobRow>& rows);

class ReplicaStore;
class StoreAdmin;

// Durable jobs. Two implementations: sqlite/ (embedded) and, in a cluster, PostgreSQL.
//
// Writes are asynchronous, applied in the order in which they were given and committed in groups:
// one fsync serves all that is waiting. A write's callback runs after its group is on disk, never
// before, and a group's callbacks are handed over together (`CallbackRunner`), so that a loop is
// woken once a group. Nothing later in the order is ever durable without what came before. Inserts and
// updates that end a job, for which somebody waits, are committed as soon as the disk is free; other
// updates may wait some milliseconds for company.
//
// When the disk refuses (full, I/O error), inserts fail with UNAVAILABLE and the reason: nothing
// was accepted. Updates of accepted jobs are never failed: they are kept in order and tried again
// until the disk takes them, and meanwhile Health() says what is wrong.
//
// Thread-safe. Reads block on the disk: not for a loop's thread.
class JobStore {
 public:
  using Callback = absl::AnyInvocable<void()>;
  // Runs a group's callbacks in order, on whichever thread it likes. Called on the writer's thread.
  using CallbackRunner = std::function<void(std::vector<Callback>)>;

  virtual ~JobStore() = default;

  // A number larger than every one returned before for this store, durable before it is returned:
  // fences off attempts of earlier owners. Blocks.
  virtual absl::StatusOr<uint64_t> NextEpoch() = 0;

  virtual void Insert(NewJob job, absl::AnyInvocable<void(absl::StatusOr<InsertOutcome>)> done) = 0;
  virtual void Update(JobUpdate update, absl::AnyInvocable<void()> done) = 0;

  // NOT_FOUND: no such job.
  virtual absl::StatusOr<StoredJob> Read(const JobId& id) = 0;
  // The job's events after `after_sequence`; NOT_FOUND: no such job.
  virtual absl::StatusOr<std::vector<StoredEvent>> ReadEvents(const JobId& id,
                                                              uint64_t after_sequence) = 0;
  // Newest first, by (created, id).
  virtual absl::StatusOr<std::vector<JobRow>> List(const JobQuery& query) = 0;
  // A tenant's jobs, or all of them with "". Reads an entry of an index for each: some 0.1 s a million.
  virtual absl::StatusOr<JobCounts> Count(const std::string& tenant) = 0;
  // Newest first, by (ended, id).
  virtual absl::StatusOr<std::vector<StoredGrade>> ListGrades(const GradeQuery& query) = 0;
  // By mean of the totals, then fewer tokens, then name and configuration; a tenant's, or all with "". Reads an entry for
  // each of the grader's grades.
  virtual absl::StatusOr<std::vector<LeaderboardEntry>> Leaderboard(const std::string& tenant,
                                                                    const std::string& grader,
                                                                    size_t limit) = 0;
  // Ids of the jobs that have no terminal record, oldest first.
  virtual absl::StatusOr<std::vector<JobId>> ListUnfinished() = 0;

  // OK while writes reach the disk; else what is wrong, for people and for readiness.
  virtual absl::Status Health() const = 0;

  // Writes accepted and not yet committed.
  virtual size_t PendingWrites() const = 0;

  // What several coordinators on this store share; null where it takes only one.
  virtual ReplicaStore* replicas() { return nullptr; }
  // What people do with it; null where there is nothing to look after.
  virtual StoreAdmin* admin() { return nullptr; }

  // Commits what was given, runs its callbacks and refuses further writes. Blocks at most `timeout`
  // when the disk does not take them; returns DEADLINE_EXCEEDED then. Idempotent.
  virtual absl::Status Close(absl::Duration timeout) = 0;
};

}  // namespace moa
