#include "tests/sim/sim_store.h"

#include <utility>

#include "tests/sim/world.h"

namespace moa::sim {

SimStore::SimStore(World& world, Disk& disk, Runner runner)
    : world_(world), disk_(disk), runner_(std::move(runner)) {}

void SimStore::InsertJob(Insert insert, Inserted done) {
  Write write;
  write.id = insert.id;
  write.insert = std::move(insert);
  write.inserted = std::move(done);
  pending_.push_back(std::move(write));
  StartGroup();
}

void SimStore::Update(const JobId& id, const Record& record, std::function<void()> done) {
  Write write;
  write.id = id;
  write.record = record;
  write.updated = std::move(done);
  pending_.push_back(std::move(write));
  StartGroup();
}

void SimStore::StartGroup() {
  if (!group_.empty() || pending_.empty()) return;
  group_.swap(pending_);
  absl::Duration delay = world_.random.Between(absl::Microseconds(30), absl::Milliseconds(4));
  if (world_.Fault(world_.weather.slow_disk))
    delay = world_.random.Between(absl::Milliseconds(50), absl::Seconds(2));
  world_.queue.After(delay, [this, alive = alive_] {
    if (*alive) Commit();
  });
}

void SimStore::Commit() {
  if (world_.Fault(world_.weather.refusing_disk)) {
    world_.trace("disk refuses ", group_.size(), " writes");
    std::deque<Write> updates;
    std::deque<Write> refused;
    for (Write& write : group_) {
      (write.insert ? refused : updates).push_back(std::move(write));
    }
    group_.clear();
    for (auto it = updates.rbegin(); it != updates.rend(); ++it) {
      pending_.push_front(std::move(*it));
    }
    runner_([refused = std::move(refused)] {
      for (const Write& write : refused) write.inserted(Outcome::kRefused, write.id);
    });
    return StartGroup();
  }
  for (Write& write : group_) Apply(&write);
  std::deque<Write> done;
  done.swap(group_);
  StartGroup();
  runner_([done = std::move(done)] {
    for (const Write& write : done) {
      if (write.insert) {
        write.inserted(write.outcome, write.id);
      } else {
        write.updated();
      }
    }
  });
}

void SimStore::Apply(Write* write) {
  if (!write->insert) {
    DiskJob& job = disk_.jobs.at(write->id);
    job.records.push_back(write->record);
    world_.auditor.Committed(write->id, job);
    return;
  }
  Insert& insert = *write->insert;
  if (!insert.key.empty() && world_.bug != Bug::kForgetIdempotency) {
    const auto [it, added] = disk_.keys.emplace(insert.key, insert.id);
    if (!added) {
      write->id = it->second;
      const bool same = disk_.jobs.at(it->second).request_hash == insert.request_hash;
      write->outcome = same ? Outcome::kExisting : Outcome::kConflict;
      return;
    }
  }
  DiskJob& job = disk_.jobs[insert.id];
  job.key = insert.key;
  job.request_hash = insert.request_hash;
  job.spec = std::move(insert.spec);
  job.records.push_back(insert.accepted);
  world_.auditor.Committed(insert.id, job);
}

void SimStore::Crash() {
  *alive_ = false;
  // The group under way: a beginning of it, with no or all of it as likely as all others together.
  const auto size = static_cast<uint32_t>(group_.size());
  size_t kept = world_.random.Percent(50) ? world_.random.Range(0, size)
                                          : (world_.random.Percent(50) ? size : 0);
  if (world_.bug == Bug::kLoseMiddleOfTail) kept = size;
  for (size_t i = 0; i < kept; ++i) {
    if (world_.bug == Bug::kLoseMiddleOfTail && i + 1 < kept && !group_[i].insert) continue;
    Apply(&group_[i]);
  }
  world_.trace("crash: ", kept, " of ", size, " writes under way reached the disk, ",
               pending_.size(), " behind them did not");
  group_.clear();
  pending_.clear();
}

}  // namespace moa::sim
