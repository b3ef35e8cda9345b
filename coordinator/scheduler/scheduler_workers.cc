#include <algorithm>
#include <utility>

#include "common/base/check.h"
#include "coordinator/scheduler/scheduler.h"

namespace moa {

void Scheduler::TakeOutFree(const WorkerId& id, const Worker& worker) {
  if (worker.free() == 0) return;
  auto& by_free = worker.group->by_free;
  freest_.erase(*by_free.rbegin());
  by_free.erase({worker.free(), id});
  if (!by_free.empty()) freest_.emplace(*by_free.rbegin(), worker.group);
}

void Scheduler::PutInFree(const WorkerId& id, const Worker& worker) {
  if (worker.free() == 0) return;
  auto& by_free = worker.group->by_free;
  if (!by_free.empty()) freest_.erase(*by_free.rbegin());
  by_free.emplace(worker.free(), id);
  freest_.emplace(*by_free.rbegin(), worker.group);
}

void Scheduler::LeaveGroup(Worker& worker) {
  slots_total_ -= worker.capacity.slots;
  if (worker.capacity.grades()) {
    --grading_.workers;
    grading_.slots -= worker.capacity.slots;
  }
  Group* const group = std::exchange(worker.group, nullptr);
  if (--group->workers == 0) groups_.erase({group->key, group->models});
}

void Scheduler::JoinGroup(Worker& worker) {
  const WorkerCapacity& capacity = worker.capacity;
  slots_total_ += capacity.slots;
  if (capacity.grades()) {
    ++grading_.workers;
    grading_.slots += capacity.slots;
  }
  std::unique_ptr<Group>& group = groups_[{capacity.key, capacity.models}];
  if (group == nullptr) {
    group = std::make_unique<Group>();
    group->key = capacity.key;
    group->models = capacity.models;
  }
  ++group->workers;
  worker.group = group.get();
}

void Scheduler::SetFree(const WorkerId& id, Worker& worker, uint32_t running) {
  TakeOutFree(id, worker);
  if (worker.capacity.grades()) grading_.running = grading_.running - worker.running + running;
  worker.running = running;
  PutInFree(id, worker);
}

void Scheduler::SetWorker(const WorkerId& id, WorkerCapacity capacity) {
  const auto [it, is_new] = workers_.try_emplace(id);
  Worker& worker = it->second;
  if (!is_new) {
    TakeOutFree(id, worker);
    LeaveGroup(worker);
  }
  worker.capacity = std::move(capacity);
  JoinGroup(worker);
  PutInFree(id, worker);
}

std::vector<AttemptRef> Scheduler::RemoveWorker(const WorkerId& id, absl::Time now) {
  std::vector<AttemptRef> lost;
  const auto it = workers_.find(id);
  if (it == workers_.end()) return lost;
  for (const auto& [ref, running] : running_) {
    if (running.worker == id) lost.push_back(ref);
  }
  std::sort(lost.begin(), lost.end());  // the map's order is not deterministic
  for (const AttemptRef& ref : lost) {
    // The provider has read the prompt; what it wrote nobody knows.
    const uint64_t prompt = running_.at(ref).prompt_tokens;
    Finish(ref, {.kind = CallEnd::Kind::kDropped, .used = {.uncached = prompt, .total = prompt}},
           {}, 0, now);
  }
  TakeOutFree(id, it->second);
  LeaveGroup(it->second);
  workers_.erase(it);
  return lost;
}

void Scheduler::CheckInvariants() const {
  size_t ready = 0;
  uint64_t running = 0;
  absl::btree_map<std::string, size_t> ready_of;
  for (const auto& [tenant, queue] : tenants_) {
    size_t in_tenant = 0;
    for (const auto& [lane, keys] : queue.lanes) {
      MOA_CHECK(!keys.empty());
      in_tenant += keys.size();
      if (lane.first != AttemptKind::kHedge) ready_of[lane.second] += keys.size();
      for (const Key& key : keys) MOA_CHECK(queued_.contains(std::get<2>(key)));
    }
    MOA_CHECK(in_tenant == queue.queued);
    MOA_CHECK(queue.queued + queue.running > 0);
    ready += in_tenant;
    running += queue.running;
  }
  MOA_CHECK(ready_of == ready_of_);
  MOA_CHECK(ready + held_.size() == queued_.size());
  MOA_CHECK(by_age_.size() == queued_.size());
  absl::btree_map<std::string, uint64_t> waiting;
  for (const auto& [time, ref] : by_age_) {
    const ReadyAttempt& attempt = queued_.at(ref);
    if (attempt.kind != AttemptKind::kHedge) waiting[attempt.model] += attempt.reserved();
  }
  MOA_CHECK(waiting.size() == waiting_of_.size());
  for (const auto& [model, tokens] : waiting) MOA_CHECK(waiting_of_.at(model).tokens == tokens);
  MOA_CHECK(running == running_.size());
  absl::btree_map<WorkerId, uint32_t> counted;
  absl::btree_map<Tenant, uint32_t> of_tenant;
  uint64_t reserved = 0;
  size_t slow = 0;
  for (const auto& [ref, one] : running_) {
    MOA_CHECK(!queued_.contains(ref));
    ++counted[one.worker];
    ++of_tenant[one.tenant];
    reserved += one.hold.quota == nullptr ? 0 : one.hold.reservation.tokens;
    slow += slow_.contains({one.slow_at, ref}) ? 1 : 0;
  }
  MOA_CHECK(slow == slow_.size());
  for (const QuotaView& view : quotas_.Views(absl::InfinitePast()))
    reserved -= view.reserved_tokens;
  MOA_CHECK(reserved == 0);
  for (const auto& [tenant, queue] : tenants_) MOA_CHECK(of_tenant[tenant] == queue.running);
  for (const auto& [time, ref] : held_) MOA_CHECK(queued_.at(ref).not_before == time);
  CheckWorkers(counted);
}

void Scheduler::CheckWorkers(const absl::btree_map<WorkerId, uint32_t>& running) const {
  uint64_t on_workers = 0;
  uint64_t slots = 0;
  Grading grading;
  absl::btree_map<const Group*, std::pair<size_t, size_t>> sizes;  // of all, of those with room
  for (const auto& [id, worker] : workers_) {
    const auto it = running.find(id);
    MOA_CHECK(worker.running == (it == running.end() ? 0 : it->second));
    on_workers += worker.running;
    slots += worker.capacity.slots;
    if (worker.capacity.grades()) {
      ++grading.workers;
      grading.slots += worker.capacity.slots;
      grading.running += worker.running;
    }
    const Group& group = *worker.group;
    MOA_CHECK(groups_.at({worker.capacity.key, worker.capacity.models}).get() == &group);
    ++sizes[&group].first;
    if (worker.free() == 0) continue;
    ++sizes[&group].second;
    MOA_CHECK(group.by_free.contains({worker.free(), id}));
  }
  MOA_CHECK(on_workers == running_.size());
  MOA_CHECK(slots == slots_total_);
  MOA_CHECK(grading == grading_);
  MOA_CHECK(sizes.size() == groups_.size());
  size_t with_room = 0;
  for (const auto& [of, group] : groups_) {
    MOA_CHECK(sizes.at(group.get()) == std::make_pair(group->workers, group->by_free.size()));
    if (group->by_free.empty()) continue;
    ++with_room;
    MOA_CHECK(freest_.at(*group->by_free.rbegin()) == group.get());
  }
  MOA_CHECK(with_room == freest_.size());
}

}  // namespace moa
