#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/sim/disk.h"

namespace moa::sim {

struct World;

// coordinator/store/job_store.h with a disk in memory: writes are applied in the order in which
// they were given, committed in groups, and acknowledged after their group. The disk is slow at
// times, refuses at times (inserts fail, updates are tried again), and a crash loses what was not
// committed: of a group under way, nothing, all or a beginning.
//
// In a cluster the groups of several coordinators meet on one disk. A group is applied as a whole or, when its owner
// was declared dead before it begins, not at all: from then until its commit nobody can be; a connection that is lost makes it come again, whether it was applied or not; what
// a coordinator had under way when it died may still come, much later.
//
// One for each life of a coordinator. Owner: the Simulation. Not thread-safe.
class SimStore {
 public:
  struct Insert {
    JobId id{};
    std::string key{};
    uint64_t request_hash = 0;
    JobSpec spec{};
    Record accepted{};
  };
  enum class Outcome { kNew, kExisting, kConflict, kRefused };
  // `id` is the existing job's when there was one.
  using Inserted = std::function<void(Outcome outcome, const JobId& id)>;
  // Runs a group's callbacks on the coordinator's loop.
  using Runner = std::function<void(std::function<void()>)>;

  SimStore(World& world, Disk& disk, Runner runner);
  // Of a cluster: who writes, from where, and what to do when its writes are refused for good.
  void Join(uint64_t epoch, int address, std::function<void()> fenced);
  SimStore(const SimStore&) = delete;
  SimStore& operator=(const SimStore&) = delete;

  void InsertJob(Insert insert, Inserted done);
  void Update(const JobId& id, const Record& record, std::function<void()> done);
  // The job is nobody's from then on.
  void Release(const JobId& id, std::function<void()> done);
  // No callback is run any more; what was under way may or may not be on disk.
  void Crash();

  size_t pending() const { return pending_.size() + group_.size(); }

 private:
  struct Write {
    JobId id;
    std::optional<Insert> insert;
    Record record;
    bool release = false;
    Inserted inserted;
    std::function<void()> updated;
    Outcome outcome = Outcome::kNew;
  };

  void StartGroup();
  void Begin();
  void Commit();
  void Finish();
  void Later(absl::Duration delay, void (SimStore::*what)());
  // The owner cannot be declared dead meanwhile.
  void Hold(bool holds);
  // Whether the group has to wait or is refused for good.
  bool IsHeldUp();
  void Apply(Write* write);
  void ApplyInsert(Write* write);
  void CrashInCluster();

  World& world_;
  Disk& disk_;
  const Runner runner_;
  uint64_t epoch_ = 0;
  int address_ = 0;
  std::function<void()> fenced_;  // set in a cluster
  const std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // owners: this, what is planned
  std::deque<Write> pending_;
  std::deque<Write> group_;  // on its way, or being committed
  bool holds_ = false;
};

}  // namespace moa::sim
