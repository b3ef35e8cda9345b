#include "tests/sim/sim_store.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/links.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

constexpr absl::Duration kTryAgainAfter = absl::Milliseconds(100);

}  // namespace

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

void SimStore::Release(const JobId& id, std::function<void()> done) {
  Write write;
  write.id = id;
  write.release = true;
  write.updated = std::move(done);
  pending_.push_back(std::move(write));
  StartGroup();
}

void SimStore::Join(uint64_t epoch, int address, std::function<void()> fenced) {
  epoch_ = epoch;
  address_ = address;
  fenced_ = std::move(fenced);
}

void SimStore::Later(absl::Duration delay, void (SimStore::*what)()) {
  world_.queue.After(delay, [this, what, alive = alive_] {
    if (*alive) (this->*what)();
  });
}

void SimStore::Hold(bool holds) {
  if (fenced_ == nullptr) return;
  holds_ = holds;
  disk_.cluster.members.at(epoch_).committing = holds;
}

bool SimStore::IsHeldUp() {
  if (fenced_ == nullptr) return false;
  if (!world_.links.Up(Links::Coordinator(address_), Links::kStore)) {
    Later(kTryAgainAfter, &SimStore::Begin);
    return true;
  }
  if (!disk_.IsDead(epoch_) || world_.bug == Bug::kIgnoreFence) return false;
  world_.trace("a group of ", group_.size(), " writes of the dead member ", epoch_, " is refused");
  if (world_.bug == Bug::kShowUncommitted) Finish();
  group_.clear();
  pending_.clear();
  fenced_();
  return true;
}

void SimStore::StartGroup() {
  if (!group_.empty() || pending_.empty()) return;
  group_.swap(pending_);
  if (fenced_ == nullptr) return Begin();
  Later(world_.NetworkDelay(), &SimStore::Begin);
}

void SimStore::Begin() {
  if (IsHeldUp()) return;
  Hold(true);
  absl::Duration delay = world_.random.Between(absl::Microseconds(30), absl::Milliseconds(4));
  if (world_.Fault(world_.weather.slow_disk))
    delay = world_.random.Between(absl::Milliseconds(50), absl::Seconds(2));
  Later(delay, &SimStore::Commit);
}

void SimStore::Commit() {
  Hold(false);
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
  if (fenced_ != nullptr && !world_.links.Up(Links::kStore, Links::Coordinator(address_))) {
    // It is not heard that all is well: once more.
    return Later(kTryAgainAfter, &SimStore::Begin);
  }
  Finish();
}

void SimStore::Finish() {
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
  if (fenced_ != nullptr) world_.auditor.WrittenBy(epoch_);
  if (write->insert) return ApplyInsert(write);
  DiskJob& job = disk_.jobs.at(write->id);
  if (fenced_ != nullptr) {
    if (write->release) {
      if (job.owner == epoch_) job.owner = 0;
      return;
    }
    const uint64_t sequence = write->record.sequence;
    if (sequence <= job.records.size() && job.records[sequence - 1] == write->record) return;
    world_.auditor.Require(sequence > job.records.size(),
                           "a sequence number has one content for ever",
                           absl::StrCat("job ", write->id.value(), ", record ", sequence));
    world_.auditor.Require(
        job.owner == epoch_, "only its owner writes a job",
        absl::StrCat("job ", write->id.value(), " of ", job.owner, " by ", epoch_));
  }
  job.records.push_back(write->record);
  world_.auditor.Committed(write->id, job);
}

void SimStore::ApplyInsert(Write* write) {
  const Insert& insert = *write->insert;
  if (!insert.key.empty() && world_.bug != Bug::kForgetIdempotency) {
    const auto [it, added] = disk_.keys.emplace(insert.key, insert.id);
    if (!added && it->second == insert.id) return;  // applied before
    const bool overlooked = !added && world_.bug == Bug::kForgetKeysElsewhere &&
                            disk_.jobs.at(it->second).owner != epoch_;
    if (!added && !overlooked) {
      write->id = it->second;
      const bool same = disk_.jobs.at(it->second).request_hash == insert.request_hash;
      write->outcome = same ? Outcome::kExisting : Outcome::kConflict;
      return;
    }
  }
  DiskJob& job = disk_.jobs[insert.id];
  job.key = insert.key;
  job.request_hash = insert.request_hash;
  job.spec = insert.spec;
  job.owner = epoch_;
  job.records.push_back(insert.accepted);
  world_.auditor.Committed(insert.id, job);
}

// A transaction is all or nothing, and its commit may be on its way longer than its sender lives.
void SimStore::CrashInCluster() {
  auto late = std::make_shared<SimStore>(world_, disk_, [](std::function<void()>) {});
  late->Join(epoch_, address_, [] {});
  late->group_.swap(group_);
  late->holds_ = holds_;
  pending_.clear();
  if (late->group_.empty()) return;
  if (world_.random.Percent(30)) return late->Hold(false);
  const absl::Duration latest = holds_ ? absl::Seconds(2) : absl::Seconds(20);
  const absl::Duration delay = world_.random.Percent(50)
                                   ? absl::ZeroDuration()
                                   : world_.random.Between(absl::ZeroDuration(), latest);
  world_.queue.After(delay, [late, &world = world_, &disk = disk_, epoch = epoch_] {
    if (!late->holds_ && disk.IsDead(epoch) && world.bug != Bug::kIgnoreFence) return;
    for (Write& write : late->group_) late->Apply(&write);
    late->Hold(false);
  });
}

void SimStore::Crash() {
  *alive_ = false;
  if (fenced_ != nullptr) return CrashInCluster();
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
