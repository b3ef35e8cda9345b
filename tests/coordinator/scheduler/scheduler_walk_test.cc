// Random walks over the scheduler's calls, beside a slow model of the same rules: after each step
// the invariants hold, nothing is placed twice or lost, and every placement is one that the rules
// allow.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/scheduler/scheduler.h"

namespace moa {
namespace {

class Walk {
 public:
  explicit Walk(uint64_t seed) : random_(seed) {}

  void Step() {
    switch (Below(10)) {
      case 0:
      case 1:
      case 2:
        Enqueue();
        break;
      case 3:
        if (!queued_.empty()) Remove();
        break;
      case 4:
        SetWorker();
        break;
      case 5:
        if (Below(4) == 0) RemoveWorker();
        break;
      case 6:
        if (!workers_.empty()) Adopt();
        break;
      case 7:
        if (!running_.empty()) Finish();
        break;
      default:
        now_ += absl::Milliseconds(Below(300));
        Assign();
    }
    scheduler_.CheckInvariants();
    ASSERT_EQ(scheduler_.queued(), queued_.size());
    ASSERT_EQ(scheduler_.running(), running_.size());
  }

 private:
  struct ModelWorker {
    WorkerCapacity capacity;
    uint32_t running = 0;
    bool Takes(const std::string& model) const {
      const std::vector<std::string>& models = capacity.models;
      return !capacity.draining && running < capacity.slots &&
             (models.empty() || std::find(models.begin(), models.end(), model) != models.end());
    }
  };
  struct ModelRun {
    Tenant tenant;
    WorkerId worker;
  };

  uint32_t Below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  template <typename Map>
  typename Map::iterator Any(Map& map) {
    return std::next(map.begin(), Below(static_cast<uint32_t>(map.size())));
  }
  AttemptRef NewRef() {
    return {
        .job = JobId(absl::StrCat("j", Below(5))), .task = next_task_++, .attempt = 1, .epoch = 1};
  }

  void Enqueue() {
    ReadyAttempt attempt;
    attempt.ref = NewRef();
    attempt.tenant = Tenant(absl::StrCat("t", Below(3)));
    attempt.model = absl::StrCat("m", Below(3));
    attempt.stages_left = Below(3) + 1;
    attempt.accepted_at = now_ - absl::Milliseconds(Below(1000));
    attempt.enqueued_at = now_;
    if (Below(3) == 0) attempt.not_before = now_ + absl::Milliseconds(Below(500));
    queued_[attempt.ref] = attempt;
    scheduler_.Enqueue(attempt);
  }

  void Remove() {
    const auto it = Any(queued_);
    ASSERT_TRUE(scheduler_.Remove(it->first));
    queued_.erase(it);
  }

  void SetWorker() {
    const WorkerId id(absl::StrCat("w", Below(4)));
    WorkerCapacity capacity;
    capacity.slots = Below(5);
    capacity.draining = Below(5) == 0;
    for (uint32_t i = 0; i < 3; ++i) {
      if (Below(2) == 0) capacity.models.push_back(absl::StrCat("m", i));
    }
    workers_[id].capacity = capacity;
    scheduler_.SetWorker(id, capacity);
  }

  void RemoveWorker() {
    const WorkerId id(absl::StrCat("w", Below(4)));
    std::vector<AttemptRef> expected;
    for (const auto& [ref, run] : running_) {
      if (run.worker == id) expected.push_back(ref);
    }
    ASSERT_EQ(scheduler_.RemoveWorker(id, now_), expected);
    for (const AttemptRef& ref : expected) running_.erase(ref);
    workers_.erase(id);
  }

  void Adopt() {
    const AttemptRef ref = NewRef();
    const Tenant tenant(absl::StrCat("t", Below(3)));
    const auto worker = Any(workers_);
    ReadyAttempt attempt;
    attempt.ref = ref;
    attempt.tenant = tenant;
    scheduler_.Adopt(attempt, worker->first, now_);
    ++worker->second.running;
    running_[ref] = {tenant, worker->first};
  }

  void Finish() {
    const auto it = Any(running_);
    ASSERT_TRUE(scheduler_.Finish(it->first, {}, {}, 0, now_));
    --workers_.at(it->second.worker).running;
    running_.erase(it);
  }

  bool IsReady(const ReadyAttempt& attempt) const {
    return attempt.not_before <= attempt.enqueued_at || attempt.not_before <= now_;
  }
  bool IsPlaceable(const ReadyAttempt& attempt) const {
    return IsReady(attempt) && std::any_of(workers_.begin(), workers_.end(), [&](const auto& w) {
             return w.second.Takes(attempt.model);
           });
  }
  uint32_t RunningOf(const Tenant& tenant) const {
    return static_cast<uint32_t>(
        std::count_if(running_.begin(), running_.end(),
                      [&](const auto& run) { return run.second.tenant == tenant; }));
  }

  // Every placement in turn is checked against everything that could have been placed instead.
  void Assign() {
    for (const Assignment& placed : scheduler_.Assign(now_)) {
      ASSERT_TRUE(queued_.contains(placed.ref));
      const ReadyAttempt chosen = queued_.at(placed.ref);
      ASSERT_TRUE(IsReady(chosen));
      ModelWorker& worker = workers_.at(placed.worker);
      ASSERT_TRUE(worker.Takes(chosen.model));
      const uint32_t free = worker.capacity.slots - worker.running;
      for (const auto& [id, other] : workers_) {
        if (!other.Takes(chosen.model)) continue;
        ASSERT_LE(other.capacity.slots - other.running, free);
      }
      for (const auto& [ref, other] : queued_) {
        if (!IsPlaceable(other)) continue;
        ASSERT_LE(RunningOf(chosen.tenant), RunningOf(other.tenant));
        if (other.tenant != chosen.tenant) continue;
        ASSERT_LE(std::tie(chosen.stages_left, chosen.accepted_at, chosen.ref),
                  std::tie(other.stages_left, other.accepted_at, ref));
      }
      queued_.erase(placed.ref);
      ++worker.running;
      running_[placed.ref] = {chosen.tenant, placed.worker};
    }
    for (const auto& [ref, attempt] : queued_) ASSERT_FALSE(IsPlaceable(attempt));
  }

  std::mt19937_64 random_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  uint32_t next_task_ = 0;
  Scheduler scheduler_;
  std::map<AttemptRef, ReadyAttempt> queued_;
  std::map<AttemptRef, ModelRun> running_;
  std::map<WorkerId, ModelWorker> workers_;
};

TEST(SchedulerWalkTest, EveryPlacementIsOneThatTheRulesAllow) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(seed);
    Walk walk(seed);
    for (int step = 0; step < 400; ++step) {
      walk.Step();
      if (testing::Test::HasFatalFailure()) return;
    }
  }
}

}  // namespace
}  // namespace moa
