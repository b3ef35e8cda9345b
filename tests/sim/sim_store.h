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
  SimStore(const SimStore&) = delete;
  SimStore& operator=(const SimStore&) = delete;

  void InsertJob(Insert insert, Inserted done);
  void Update(const JobId& id, const Record& record, std::function<void()> done);
  // No callback is run any more; what was under way may or may not be on disk.
  void Crash();

  size_t pending() const { return pending_.size() + group_.size(); }

 private:
  struct Write {
    JobId id;
    std::optional<Insert> insert;
    Record record;
    Inserted inserted;
    std::function<void()> updated;
    Outcome outcome = Outcome::kNew;
  };

  void StartGroup();
  void Commit();
  void Apply(Write* write);

  World& world_;
  Disk& disk_;
  const Runner runner_;
  const std::shared_ptr<bool> alive_ =
      std::make_shared<bool>(true);  // owners: this, what is planned
  std::deque<Write> pending_;
  std::deque<Write> group_;  // being committed
};

}  // namespace moa::sim
