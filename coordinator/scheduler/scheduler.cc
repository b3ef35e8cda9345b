#include "coordinator/scheduler/scheduler.h"

#include <algorithm>

#include "common/base/check.h"

namespace moa {

void Scheduler::Enqueue(ReadyAttempt attempt) {
  const AttemptRef ref = attempt.ref;
  MOA_CHECK(!running_.contains(ref));
  by_age_.emplace(attempt.enqueued_at, ref);
  const auto [it, inserted] = queued_.emplace(ref, std::move(attempt));
  MOA_CHECK(inserted);
  if (it->second.not_before > it->second.enqueued_at) {
    held_.emplace(it->second.not_before, ref);
  } else {
    MakeReady(it->second);
  }
}

void Scheduler::MakeReady(const ReadyAttempt& attempt) {
  TenantQueue& tenant = tenants_[attempt.tenant];
  tenant.by_model[attempt.model].emplace(attempt.stages_left, attempt.accepted_at, attempt.ref);
  ++tenant.queued;
}

bool Scheduler::Remove(const AttemptRef& ref) {
  const auto it = queued_.find(ref);
  if (it == queued_.end()) return false;
  const ReadyAttempt& attempt = it->second;
  by_age_.erase({attempt.enqueued_at, ref});
  if (held_.erase({attempt.not_before, ref}) == 0) {
    TenantQueue& tenant = tenants_.at(attempt.tenant);
    const auto model = tenant.by_model.find(attempt.model);
    model->second.erase({attempt.stages_left, attempt.accepted_at, ref});
    if (model->second.empty()) tenant.by_model.erase(model);
    --tenant.queued;
    ForgetIfIdle(attempt.tenant);
  }
  queued_.erase(it);
  return true;
}

void Scheduler::ForgetIfIdle(const Tenant& tenant) {
  const auto it = tenants_.find(tenant);
  if (it != tenants_.end() && it->second.queued == 0 && it->second.running == 0) tenants_.erase(it);
}

void Scheduler::SetFree(const WorkerId& id, Worker& worker, uint32_t running) {
  if (worker.free() > 0) by_free_.erase({worker.free(), id});
  worker.running = running;
  if (worker.free() > 0) by_free_.emplace(worker.free(), id);
}

void Scheduler::SetWorker(const WorkerId& id, WorkerCapacity capacity) {
  Worker& worker = workers_[id];
  if (worker.free() > 0) by_free_.erase({worker.free(), id});
  worker.capacity = std::move(capacity);
  if (worker.free() > 0) by_free_.emplace(worker.free(), id);
}

std::vector<AttemptRef> Scheduler::RemoveWorker(const WorkerId& id) {
  std::vector<AttemptRef> lost;
  const auto it = workers_.find(id);
  if (it == workers_.end()) return lost;
  for (const auto& [ref, running] : running_) {
    if (running.worker == id) lost.push_back(ref);
  }
  std::sort(lost.begin(), lost.end());  // the map's order is not deterministic
  for (const AttemptRef& ref : lost) Finish(ref);
  if (it->second.free() > 0) by_free_.erase({it->second.free(), id});
  workers_.erase(it);
  return lost;
}

void Scheduler::Adopt(const AttemptRef& ref, const Tenant& tenant, const WorkerId& id) {
  Worker& worker = workers_.at(id);
  MOA_CHECK(!queued_.contains(ref));
  MOA_CHECK(running_.emplace(ref, Running{tenant, id}).second);
  SetFree(id, worker, worker.running + 1);
  ++tenants_[tenant].running;
}

bool Scheduler::Finish(const AttemptRef& ref) {
  const auto it = running_.find(ref);
  if (it == running_.end()) return false;
  Worker& worker = workers_.at(it->second.worker);
  SetFree(it->second.worker, worker, worker.running - 1);
  --tenants_.at(it->second.tenant).running;
  ForgetIfIdle(it->second.tenant);
  running_.erase(it);
  return true;
}

void Scheduler::MoveHeld(absl::Time now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    const AttemptRef ref = held_.begin()->second;
    held_.erase(held_.begin());
    MakeReady(queued_.at(ref));
  }
}

const WorkerId* Scheduler::PickWorker(absl::string_view model) const {
  for (auto it = by_free_.rbegin(); it != by_free_.rend(); ++it) {
    const std::vector<std::string>& models = workers_.at(it->second).capacity.models;
    if (models.empty() || std::find(models.begin(), models.end(), model) != models.end()) {
      return &it->second;
    }
  }
  return nullptr;
}

bool Scheduler::PickAttempt(const TenantQueue& queue, Key* key, std::string* model,
                            WorkerId* worker) const {
  const Key* best = nullptr;
  for (const auto& [name, keys] : queue.by_model) {
    if (best != nullptr && !(*keys.begin() < *best)) continue;
    const WorkerId* free = PickWorker(name);
    if (free == nullptr) continue;
    best = &*keys.begin();
    *model = name;
    *worker = *free;
  }
  if (best == nullptr) return false;
  *key = *best;
  return true;
}

std::vector<Assignment> Scheduler::Assign(absl::Time now) {
  std::vector<Assignment> assigned;
  MoveHeld(now);
  if (by_free_.empty() || tenants_.empty()) return assigned;

  absl::btree_set<Turn> turns;
  for (const auto& [tenant, queue] : tenants_) {
    if (queue.queued > 0) turns.emplace(queue.running, queue.last_served, tenant);
  }
  while (!turns.empty() && !by_free_.empty()) {
    const Tenant tenant = std::get<2>(*turns.begin());
    turns.erase(turns.begin());
    TenantQueue& queue = tenants_.at(tenant);
    Key key;
    std::string model;
    Assignment assignment;
    if (!PickAttempt(queue, &key, &model, &assignment.worker))
      continue;  // until something is freed

    assignment.ref = std::get<2>(key);
    const auto it = queue.by_model.find(model);
    it->second.erase(key);
    if (it->second.empty()) queue.by_model.erase(it);
    --queue.queued;
    ++queue.running;
    queue.last_served = ++serve_counter_;
    if (queue.queued > 0) turns.emplace(queue.running, queue.last_served, tenant);

    const auto queued = queued_.find(assignment.ref);
    by_age_.erase({queued->second.enqueued_at, assignment.ref});
    queued_.erase(queued);
    Worker& worker = workers_.at(assignment.worker);
    SetFree(assignment.worker, worker, worker.running + 1);
    running_.emplace(assignment.ref, Running{tenant, assignment.worker});
    assigned.push_back(std::move(assignment));
  }
  return assigned;
}

absl::Time Scheduler::NextReady() const {
  return held_.empty() ? absl::InfiniteFuture() : held_.begin()->first;
}

absl::Time Scheduler::oldest_enqueued() const {
  return by_age_.empty() ? absl::InfiniteFuture() : by_age_.begin()->first;
}

uint64_t Scheduler::slots_total() const {
  uint64_t total = 0;
  for (const auto& [id, worker] : workers_) total += worker.capacity.slots;
  return total;
}

const WorkerId* Scheduler::WorkerOf(const AttemptRef& ref) const {
  const auto it = running_.find(ref);
  return it == running_.end() ? nullptr : &it->second.worker;
}

uint32_t Scheduler::RunningOn(const WorkerId& id) const {
  const auto it = workers_.find(id);
  return it == workers_.end() ? 0 : it->second.running;
}

void Scheduler::CheckInvariants() const {
  size_t ready = 0;
  uint64_t running = 0;
  for (const auto& [tenant, queue] : tenants_) {
    size_t in_tenant = 0;
    for (const auto& [model, keys] : queue.by_model) {
      MOA_CHECK(!keys.empty());
      in_tenant += keys.size();
      for (const Key& key : keys) MOA_CHECK(queued_.contains(std::get<2>(key)));
    }
    MOA_CHECK(in_tenant == queue.queued);
    MOA_CHECK(queue.queued + queue.running > 0);
    ready += in_tenant;
    running += queue.running;
  }
  MOA_CHECK(ready + held_.size() == queued_.size());
  MOA_CHECK(by_age_.size() == queued_.size());
  MOA_CHECK(running == running_.size());
  absl::btree_map<WorkerId, uint32_t> counted;
  absl::btree_map<Tenant, uint32_t> of_tenant;
  for (const auto& [ref, one] : running_) {
    MOA_CHECK(!queued_.contains(ref));
    ++counted[one.worker];
    ++of_tenant[one.tenant];
  }
  for (const auto& [tenant, queue] : tenants_) MOA_CHECK(of_tenant[tenant] == queue.running);
  for (const auto& [time, ref] : held_) MOA_CHECK(queued_.at(ref).not_before == time);
  uint64_t on_workers = 0;
  size_t with_room = 0;
  for (const auto& [id, worker] : workers_) {
    MOA_CHECK(counted[id] == worker.running);
    on_workers += worker.running;
    if (worker.free() > 0) {
      ++with_room;
      MOA_CHECK(by_free_.contains({worker.free(), id}));
    }
  }
  MOA_CHECK(on_workers == running_.size());
  MOA_CHECK(with_room == by_free_.size());
}

}  // namespace moa
