#include "coordinator/scheduler/scheduler.h"

#include <algorithm>
#include <utility>

#include "common/base/check.h"

namespace moa {
namespace {

// A model that is closed for longer than this is worth leaving for another.
constexpr absl::Duration kClosedLong = absl::Seconds(5);
// A slow call that cannot be hedged now is looked at again after this part of its model's usual time.
constexpr double kLookAgain = 0.25;
// Of the tokens estimated for a prompt at most, those that it has at least.
constexpr double kSurePromptShare = 0.6;

// An empty list offers every model. Who can grade says so.
bool Offers(const std::vector<std::string>& models, absl::string_view model) {
  return (models.empty() && model != kGraderModel) ||
         std::find(models.begin(), models.end(), model) != models.end();
}

}  // namespace

Scheduler::Scheduler(SchedulerOptions options)
    : options_(std::move(options)),
      quotas_(options_.quotas, options_.share_ppm_initial),
      retries_(options_.retries),
      hedges_(options_.hedges) {}

// ------------------------------------------------------------------------------------------------
// Queue

void Scheduler::Enqueue(ReadyAttempt attempt) {
  const AttemptRef ref = attempt.ref;
  MOA_CHECK(!running_.contains(ref));
  by_age_.emplace(attempt.enqueued_at, ref);
  const auto [it, inserted] = queued_.emplace(ref, std::move(attempt));
  MOA_CHECK(inserted);
  NoteQueued(it->second);
  if (it->second.not_before > it->second.enqueued_at) {
    held_.emplace(it->second.not_before, ref);
  } else {
    MakeReady(it->second);
  }
}

void Scheduler::NoteQueued(const ReadyAttempt& attempt) {
  if (attempt.kind == AttemptKind::kHedge) return;
  Waiting& waiting = waiting_of_[attempt.model];
  ++waiting.calls;
  waiting.tokens += attempt.reserved();
  ++waiting.by_tokens[attempt.reserved()];
}

void Scheduler::NoteUnqueued(const ReadyAttempt& attempt) {
  if (attempt.kind == AttemptKind::kHedge) return;
  const auto it = waiting_of_.find(attempt.model);
  Waiting& waiting = it->second;
  waiting.tokens -= attempt.reserved();
  const auto size = waiting.by_tokens.find(attempt.reserved());
  if (--size->second == 0) waiting.by_tokens.erase(size);
  if (--waiting.calls == 0) waiting_of_.erase(it);
}

void Scheduler::MakeReady(const ReadyAttempt& attempt) {
  TenantQueue& tenant = tenants_[attempt.tenant];
  tenant.lanes[{attempt.kind, attempt.model}].emplace(attempt.stages_left, attempt.accepted_at,
                                                      attempt.ref);
  ++tenant.queued;
  if (attempt.kind != AttemptKind::kHedge) ++ready_of_[attempt.model];
}

void Scheduler::Unqueue(TenantQueue& queue, const Lane& lane, const Key& key) {
  const auto it = queue.lanes.find(lane);
  MOA_CHECK(it != queue.lanes.end() && it->second.erase(key) == 1);
  if (it->second.empty()) queue.lanes.erase(it);
  --queue.queued;
  if (lane.first == AttemptKind::kHedge) return;
  const auto ready = ready_of_.find(lane.second);
  if (--ready->second == 0) ready_of_.erase(ready);
}

bool Scheduler::Remove(const AttemptRef& ref) {
  const auto it = queued_.find(ref);
  if (it == queued_.end()) return false;
  const ReadyAttempt& attempt = it->second;
  NoteUnqueued(attempt);
  by_age_.erase({attempt.enqueued_at, ref});
  if (held_.erase({attempt.not_before, ref}) == 0) {
    Unqueue(tenants_.at(attempt.tenant), {attempt.kind, attempt.model},
            {attempt.stages_left, attempt.accepted_at, ref});
    ForgetIfIdle(attempt.tenant);
  }
  queued_.erase(it);
  return true;
}

void Scheduler::ForgetIfIdle(const Tenant& tenant) {
  const auto it = tenants_.find(tenant);
  if (it != tenants_.end() && it->second.queued == 0 && it->second.running == 0) tenants_.erase(it);
}

void Scheduler::MoveHeld(absl::Time now) {
  while (!held_.empty() && held_.begin()->first <= now) {
    const AttemptRef ref = held_.begin()->second;
    held_.erase(held_.begin());
    MakeReady(queued_.at(ref));
  }
}

// ------------------------------------------------------------------------------------------------
// What runs

void Scheduler::StartRunning(const ReadyAttempt& attempt, const WorkerId& id, absl::Time now) {
  Worker& worker = workers_.at(id);
  SetFree(id, worker, worker.running + 1);
  const QuotaKey of{.key = worker.capacity.key, .model = attempt.model};
  Running running{.tenant = attempt.tenant,
                  .worker = id,
                  .quota = of,
                  .hold = quotas_.Send(of, attempt.reserved(), now),
                  .prompt_tokens = attempt.prompt_tokens};
  const auto [it, inserted] = running_.emplace(attempt.ref, std::move(running));
  MOA_CHECK(inserted);
  const auto latency = latencies_.find(attempt.model);
  if (!options_.hedging || attempt.kind == AttemptKind::kHedge || latency == latencies_.end() ||
      attempt.model == kGraderModel) {
    return;
  }
  SetSlowAt(attempt.ref, it->second, now + latency->second.SlowAfter());
}

void Scheduler::SetSlowAt(const AttemptRef& ref, Running& running, absl::Time at) {
  if (running.slow_at != absl::InfiniteFuture()) slow_.erase({running.slow_at, ref});
  running.slow_at = at;
  if (at != absl::InfiniteFuture()) slow_.emplace(at, ref);
}

void Scheduler::Adopt(const ReadyAttempt& attempt, const WorkerId& id, absl::Time now) {
  MOA_CHECK(!queued_.contains(attempt.ref));
  StartRunning(attempt, id, now);
  ++tenants_[attempt.tenant].running;
}

bool Scheduler::Finish(const AttemptRef& ref, const CallEnd& end, absl::Duration run,
                       uint64_t completion_tokens, absl::Time now) {
  const auto it = running_.find(ref);
  if (it == running_.end()) return false;
  Running& running = it->second;
  Worker& worker = workers_.at(running.worker);
  SetFree(running.worker, worker, worker.running - 1);
  quotas_.End(running.hold, end, now);
  if (run > absl::ZeroDuration()) {
    latencies_[running.quota.model].Observe(run, completion_tokens);
    retries_.Earn();
  }
  SetSlowAt(ref, running, absl::InfiniteFuture());
  --tenants_.at(running.tenant).running;
  ForgetIfIdle(running.tenant);
  running_.erase(it);
  return true;
}

// ------------------------------------------------------------------------------------------------
// Placing

bool Scheduler::MaySend(const Lane& lane, absl::Time now) {
  if (lane.first == AttemptKind::kRetry) {
    const absl::Time at = retries_.AllowedAt(now);
    if (at > now) WakeUpAt(at);
    return at <= now;
  }
  // What is only nice to have comes after all that is not.
  return lane.first != AttemptKind::kHedge ||
         (!ready_of_.contains(lane.second) && hedges_.AllowedAt(now) <= now);
}

const WorkerId* Scheduler::PickWorker(const ReadyAttempt& attempt, Round& round) {
  for (auto it = freest_.rbegin(); it != freest_.rend(); ++it) {
    const Group& group = *it->second;
    if (!Offers(group.models, attempt.model)) continue;
    const QuotaKey of{.key = group.key, .model = attempt.model};
    if (round.held_back.contains(of)) continue;
    if (attempt.kind == AttemptKind::kHedge && !quotas_.HasPlenty(of, round.now)) continue;
    const absl::Time fits_at = quotas_.FitsAt(of, attempt.reserved(), round.now);
    if (fits_at <= round.now) return &it->first.second;
    round.held_back.insert(of);
    WakeUpAt(fits_at);
  }
  if (attempt.kind != AttemptKind::kHedge) round.blocked_models.insert(attempt.model);
  return nullptr;
}

bool Scheduler::PickAttempt(const TenantQueue& queue, Round& round, Pick* pick) {
  const Key* best = nullptr;
  for (const auto& [lane, keys] : queue.lanes) {
    if (best != nullptr && !(*keys.begin() < *best)) continue;
    if (!MaySend(lane, round.now) || round.blocked_models.contains(lane.second)) continue;
    const WorkerId* worker = PickWorker(queued_.at(std::get<2>(*keys.begin())), round);
    if (worker == nullptr) continue;
    best = &*keys.begin();
    pick->lane = lane;
    pick->worker = *worker;
  }
  if (best == nullptr) return false;
  pick->key = *best;
  return true;
}

void Scheduler::Place(const Pick& pick, TenantQueue& queue, absl::Time now) {
  const AttemptRef& ref = std::get<2>(pick.key);
  Unqueue(queue, pick.lane, pick.key);
  ++queue.running;
  queue.last_served = ++serve_counter_;
  if (pick.lane.first == AttemptKind::kFirst) {
    hedges_.Earn();
  } else {
    (pick.lane.first == AttemptKind::kRetry ? retries_ : hedges_).Spend(now);
  }
  const auto queued = queued_.find(ref);
  by_age_.erase({queued->second.enqueued_at, ref});
  const ReadyAttempt attempt = std::move(queued->second);
  queued_.erase(queued);
  NoteUnqueued(attempt);
  StartRunning(attempt, pick.worker, now);
}

std::vector<Assignment> Scheduler::Assign(absl::Time now) {
  std::vector<Assignment> assigned;
  MoveHeld(now);
  blocked_until_ = absl::InfiniteFuture();
  if (freest_.empty() || tenants_.empty()) return assigned;

  Round round{.now = now};
  absl::btree_set<Turn> turns;
  for (const auto& [tenant, queue] : tenants_) {
    if (queue.queued > 0) turns.emplace(queue.running, queue.last_served, tenant);
  }
  while (!turns.empty() && !freest_.empty()) {
    const Tenant tenant = std::get<2>(*turns.begin());
    turns.erase(turns.begin());
    TenantQueue& queue = tenants_.at(tenant);
    Pick pick;
    if (!PickAttempt(queue, round, &pick)) continue;  // until something is freed
    Place(pick, queue, now);
    if (queue.queued > 0) turns.emplace(queue.running, queue.last_served, tenant);
    assigned.push_back({.ref = std::get<2>(pick.key), .worker = std::move(pick.worker)});
  }
  return assigned;
}

std::vector<AttemptRef> Scheduler::TakeSlow(absl::Time now) {
  std::vector<AttemptRef> slow;
  while (!slow_.empty() && slow_.begin()->first <= now) {
    const AttemptRef ref = slow_.begin()->second;
    Running& running = running_.at(ref);
    const std::string& model = running.quota.model;
    const bool affordable = hedges_.AllowedAt(now) <= now && !ready_of_.contains(model) &&
                            !freest_.empty() && quotas_.HasPlenty(running.quota, now);
    if (affordable) {
      slow.push_back(ref);
      SetSlowAt(ref, running, absl::InfiniteFuture());
    } else {
      SetSlowAt(ref, running, now + latencies_.at(model).SlowAfter() * kLookAgain);
    }
  }
  return slow;
}

std::vector<std::pair<AttemptRef, absl::Time>> Scheduler::TakeClosed(absl::Time now) {
  std::vector<std::pair<AttemptRef, absl::Time>> closed;
  for (auto it = closings_told_.begin(); it != closings_told_.end();) {
    it = it->second <= now ? closings_told_.erase(it) : std::next(it);
  }
  for (const auto& [model, ready] : ready_of_) {
    absl::Time opens = absl::InfiniteFuture();
    bool offered = false;
    for (const auto& [of, group] : groups_) {
      if (!Offers(group->models, model)) continue;
      offered = true;
      opens = std::min(opens, quotas_.ClosedUntil({.key = group->key, .model = model}));
    }
    if (!offered || opens <= now + kClosedLong) continue;
    absl::Time& told = closings_told_[model];
    if (told == opens) continue;
    told = opens;
    for (const auto& [tenant, queue] : tenants_) {
      for (const auto& [lane, keys] : queue.lanes) {
        if (lane.second != model) continue;
        for (const Key& key : keys) closed.emplace_back(std::get<2>(key), opens);
      }
    }
  }
  return closed;
}

// ------------------------------------------------------------------------------------------------
// Views

absl::Time Scheduler::NextWakeUp() const {
  absl::Time next = blocked_until_;
  if (!held_.empty()) next = std::min(next, held_.begin()->first);
  if (!slow_.empty()) next = std::min(next, slow_.begin()->first);
  return next;
}

absl::Time Scheduler::oldest_enqueued() const {
  return by_age_.empty() ? absl::InfiniteFuture() : by_age_.begin()->first;
}

const WorkerId* Scheduler::WorkerOf(const AttemptRef& ref) const {
  const auto it = running_.find(ref);
  return it == running_.end() ? nullptr : &it->second.worker;
}

std::string Scheduler::ModelOf(const AttemptRef& ref) const {
  const auto it = running_.find(ref);
  return it == running_.end() ? std::string() : it->second.quota.model;
}

uint64_t Scheduler::PromptTokensOf(const AttemptRef& ref) const {
  const auto it = running_.find(ref);
  return it == running_.end() ? 0 : it->second.prompt_tokens;
}

uint64_t Scheduler::LeastDemandOf(const AttemptRef& ref) const {
  const auto it = running_.find(ref);
  if (it == running_.end() || it->second.hold.quota == nullptr) return 0;
  // The prompt's part is an upper estimate.
  const uint64_t reserved = it->second.hold.reservation.tokens;
  const uint64_t prompt = std::min(it->second.prompt_tokens, reserved);
  return reserved - prompt + static_cast<uint64_t>(kSurePromptShare * static_cast<double>(prompt));
}

std::vector<QuotaNeed> Scheduler::QuotaNeeds(absl::Time now) const {
  absl::btree_map<std::string, QuotaDemand> queued;
  for (const auto& [model, waiting] : waiting_of_) {
    queued.emplace(model, QuotaDemand{.calls = waiting.calls,
                                      .tokens = waiting.tokens,
                                      .largest_tokens = waiting.by_tokens.rbegin()->first});
  }
  return quotas_.Needs(queued, now);
}

uint32_t Scheduler::RunningOn(const WorkerId& id) const {
  const auto it = workers_.find(id);
  return it == workers_.end() ? 0 : it->second.running;
}

}  // namespace moa
