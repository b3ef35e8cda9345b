#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "common/net/random_id.h"
#include "coordinator/runtime/call_end.h"
#include "coordinator/runtime/coordinator.h"

namespace moa {
namespace {

constexpr size_t kDeafMax = 1000;

// The refusal of a call that its quota never holds, with what to do about it.
Event BeyondQuota(AttemptFailed failed, uint64_t tokens, uint64_t limit) {
  failed.beyond_quota = true;
  failed.error.message = absl::StrCat(
      "the call needs at least ", tokens, " tokens of the rate limit at once, which holds ", limit,
      ": lower max_completion_tokens, shorten the prompt, or have the limit raised (",
      failed.error.message, ")");
  return failed;
}

RuntimeObserver::EndedCall EndedCallOf(const AttemptSucceeded* succeeded,
                                       const AttemptFailed* failed) {
  if (succeeded == nullptr) return {.code = failed->error.code, .usage = failed->usage};
  return {.run = succeeded->run, .ttft = succeeded->ttft, .usage = succeeded->completion.usage};
}

}  // namespace

WorkerLink* Coordinator::LinkOf(const WorkerId& id) {
  const auto it = workers_.find(id);
  return it == workers_.end() ? nullptr : it->second.link;
}

void Coordinator::WorkerJoined(WorkerHello hello, WorkerLink* link) {
  const WorkerId id = hello.id;
  if (suspended()) return link->Close("this coordinator's lease is over: dial again");
  if (WorkerLink* earlier = LinkOf(id)) {
    // It noticed the break before we did.
    WorkerLeft(id, earlier);
    earlier->Close("the same worker has connected again");
  }
  std::vector<HeldAttempt> held = std::exchange(hello.held, {});
  models_.Announce(hello.models);
  scheduler_.SetWorker(id, CapacityOf(hello));
  LogInfo("worker connected", {{"worker", hello.name},
                               {"slots", hello.slots},
                               {"held", held.size()},
                               {"version", hello.version}});
  workers_[id] = {.info = {.hello = std::move(hello), .used = 0, .connected = Loop::Now()},
                  .link = link};
  // In plan order and results first: an attempt of a later layer answers the results of the one before.
  std::sort(held.begin(), held.end(), [](const HeldAttempt& a, const HeldAttempt& b) {
    return std::make_pair(!a.finished, a.ref) < std::make_pair(!b.finished, b.ref);
  });
  std::vector<AttemptRef> keep;
  std::vector<AttemptRef> undecided;
  for (HeldAttempt& attempt : held) {
    if (replicas_ != nullptr && FindJob(attempt.ref.job) == nullptr) {
      undecided.push_back(attempt.ref);
    } else if (IsBeingStored(attempt.ref)) {
      keep.push_back(attempt.ref);  // until it is stored, the worker's copy is the one that counts
    } else if (TakeHeld(id, attempt)) {
      keep.push_back(attempt.ref);
      if (attempt.finished) AttemptEnded(id, link, *attempt.finished);
    }
  }
  link->Welcome(keep, undecided);
  link->ConfirmSlots(workers_.at(id).info.hello.slots);
  for (const AttemptRef& ref : keep) {
    LiveJob* job = FindJob(ref.job);
    if (job == nullptr || scheduler_.WorkerOf(ref) == nullptr) continue;
    // A new stream forwards nothing until it is asked.
    if (job->readers.Read(*job->plan, ref.task)) link->StreamDeltas(ref, true);
    PublishStarted(*job, ref.task);
  }
}

bool Coordinator::IsBeingStored(const AttemptRef& ref) {
  const LiveJob* job = FindJob(ref.job);
  return job != nullptr && std::any_of(job->unstored.begin(), job->unstored.end(),
                                       [&](const LiveJob::Unstored& record) {
                                         return record.result && record.result->second == ref;
                                       });
}

// Whether the attempt's call is the one that the job wants made now; it then runs on this worker.
bool Coordinator::TakeHeld(const WorkerId& id, const HeldAttempt& held) {
  LiveJob* job = FindJob(held.ref.job);
  if (job == nullptr || held.ref.task >= job->plan->tasks.size()) return false;
  const JobMachine::Task& task = job->machine.task(held.ref.task);
  if (task.state != TaskState::kQueued) {
    const bool made_again = task.state == TaskState::kRunning ||
                            task.state == TaskState::kSucceeded || task.state == TaskState::kFailed;
    if (made_again && task.current != held.ref) observer_.CallDuplicated();
    return false;
  }
  const CallInput input = job->machine.Input(held.ref.task);
  if (job->hasher.Hash(input, job->plan->spec) != held.input_hash) return false;
  Apply(*job, AttemptAdopted{.ref = held.ref, .worker = workers_.at(id).info.hello.name}, {});
  if (task.state != TaskState::kRunning || task.current != held.ref) return false;
  scheduler_.Adopt(MakeReady(*job, held.ref, input.model), id, Loop::Now());
  return true;
}

void Coordinator::WorkerChanged(const WorkerId& id, const WorkerLink* link, uint32_t slots,
                                std::vector<std::string> models, bool draining, std::string key) {
  const auto it = workers_.find(id);
  if (it == workers_.end() || it->second.link != link) return;
  models_.Announce(models);
  WorkerHello& hello = it->second.info.hello;
  hello.slots = slots;
  hello.models = std::move(models);
  hello.draining = draining;
  hello.key = std::move(key);
  scheduler_.SetWorker(id, CapacityOf(hello));
  it->second.link->ConfirmSlots(slots);
}

WorkerCapacity Coordinator::CapacityOf(const WorkerHello& hello) {
  return {.slots = deaf_.contains(hello.id) ? std::min(hello.slots, 1u) : hello.slots,
          .models = hello.models,
          .draining = hello.draining,
          .key = hello.key};
}

void Coordinator::WorkerIsDeaf(const WorkerId& id, WorkerLink* link) {
  if (LinkOf(id) != link) return;
  LogWarning("worker is deaf: none of its calls has moved; they are made elsewhere",
             {{"worker", workers_.at(id).info.hello.name},
              {"attempts", scheduler_.RunningOn(id)},
              {"limit", absl::FormatDuration(options_.deaf_limit)}});
  observer_.WorkerDeaf();
  if (deaf_.size() < kDeafMax) deaf_.insert(id);
  WorkerLeft(id, link);
  link->Close("none of this worker's calls has moved for too long");
}

void Coordinator::WorkerLeft(const WorkerId& id, const WorkerLink* link) {
  const auto it = workers_.find(id);
  if (it == workers_.end() || it->second.link != link) return;
  const std::string name = it->second.info.hello.name;
  const std::vector<AttemptRef> lost = scheduler_.RemoveWorker(id, Loop::Now());
  workers_.erase(it);
  offers_.DropAllOf(id);
  LogInfo("worker disconnected", {{"worker", name}, {"attempts_lost", lost.size()}});
  for (const AttemptRef& ref : lost) {
    cancels_.erase(ref);
    LiveJob* job = FindJob(ref.job);
    if (job == nullptr) continue;
    Apply(*job,
          AttemptFailed{.ref = ref,
                        .error = {.code = ErrorCode::kWorkerLost,
                                  .message = "the connection to worker " + name + " was lost"},
                        .retryable = true},
          {.until = Loop::Now() + options_.reconnect_grace, .task = ref.task});
    observer_.AttemptEnded({.tenant = job->plan->spec.tenant.value(),
                            .model = job->machine.model(ref.task),
                            .code = ErrorCode::kWorkerLost});
  }
}

void Coordinator::ObserveEnd(const EndedAttempt& ended, const AttemptRef& ref,
                             const CallEnd& call) {
  const bool succeeded = std::holds_alternative<AttemptSucceeded>(ended.event);
  if (const auto it = cancels_.find(ref); it != cancels_.end()) {
    observer_.CallCancelled(Loop::Now() - it->second.at);
    if (it->second.lost_to_hedge) observer_.HedgeWasted(call.used.total);
    cancels_.erase(it);
  }
  const LiveJob* job = FindJob(ref.job);
  if (job == nullptr || !job->machine.Runs(ref)) return;
  const TaskHedge& hedge = job->machine.task(ref.task).hedge;
  if (!hedge.running) return;
  const bool is_hedge = hedge.ref == ref;
  if (is_hedge || succeeded) {
    observer_.Hedged(is_hedge && succeeded ? RuntimeObserver::HedgeOutcome::kWon
                                           : RuntimeObserver::HedgeOutcome::kLost);
  }
}

void Coordinator::CalibrateEstimator(LiveJob& job, uint32_t task, const Usage& usage) {
  if (job.machine.ended() || job.machine.task(task).state != TaskState::kRunning) return;
  if (job.plan->tasks[task].stage + 1 != job.machine.stages_started()) return;
  const CallInput input = job.machine.Input(task);
  const PromptSize size = job.sizer.Size(input, job.plan->spec);
  const uint64_t estimated = estimator_.Estimate(input.model, size);
  estimator_.Observe(input.model, size, usage.prompt_tokens);
  observer_.PromptEstimated(input.model, estimated, usage.prompt_tokens);
}

// A task whose shown attempt failed goes on with its hedge: watchers are told, and get its text from the beginning.
void Coordinator::ShowSuccessor(LiveJob& job, const AttemptRef& ended) {
  if (job.readers.progress == 0 || job.machine.ended()) return;
  const AttemptRef& current = job.machine.task(ended.task).current;
  const WorkerId* worker = scheduler_.WorkerOf(current);
  if (current == ended || worker == nullptr) return;
  if (job.readers.Read(*job.plan, ended.task)) LinkOf(*worker)->StreamDeltas(current, true);
  PublishStarted(job, ended.task);
}

void Coordinator::AttemptEnded(const WorkerId& id, const WorkerLink* from,
                               const EndedAttempt& ended) {
  const auto* succeeded = std::get_if<AttemptSucceeded>(&ended.event);
  const auto* failed = std::get_if<AttemptFailed>(&ended.event);
  MOA_CHECK(succeeded != nullptr || failed != nullptr);
  const AttemptRef ref = succeeded != nullptr ? succeeded->ref : failed->ref;
  WorkerLink* link = LinkOf(id);
  const WorkerId* where = scheduler_.WorkerOf(ref);
  if (link == nullptr || link != from) return;
  if (where == nullptr || *where != id) return link->Forget(ref);
  const std::string model = scheduler_.ModelOf(ref);
  const CallEnd call = CallEndOf(ended, scheduler_.PromptTokensOf(ref), RandomSeed());
  const uint64_t demand = scheduler_.LeastDemandOf(ref);
  ObserveEnd(ended, ref, call);
  scheduler_.Finish(ref, call, succeeded != nullptr ? succeeded->run : absl::ZeroDuration(),
                    succeeded != nullptr ? succeeded->completion.usage.completion_tokens : 0,
                    Loop::Now());
  LiveJob* job = FindJob(ref.job);
  if (job == nullptr) return link->Forget(ref);
  if (succeeded != nullptr && deaf_.erase(id) > 0) {
    scheduler_.SetWorker(id, CapacityOf(workers_.at(id).info.hello));
  }
  if (succeeded != nullptr && model != kGraderModel)
    CalibrateEstimator(*job, ref.task, succeeded->completion.usage);
  const bool was_shown = job->machine.task(ref.task).current == ref;
  if (was_shown) job->texts.erase(ref.task);
  RuntimeObserver::EndedCall observed = EndedCallOf(succeeded, failed);
  if (model == kGraderModel) {
    observer_.GradingEnded(observed.code, observed.run);
  } else {
    observed.tenant = job->plan->spec.tenant.value();
    observed.model = model;
    observed.cost_usd = prices_.CostUsd(model, observed.usage);
    observer_.AttemptEnded(observed);
  }
  job->ending = {id, ref};
  const uint64_t limit = call.kind == CallEnd::Kind::kQuotaRefused && call.tokens_short
                             ? scheduler_.LimitBelow(model, demand)
                             : 0;
  Apply(*job, limit > 0 ? BeyondQuota(*failed, demand, limit) : ended.event, {});
  // No record came of it (a retry follows, or it was stale): nothing to wait for.
  if (job->ending) link->Forget(ref);
  job->ending.reset();
  if (was_shown) ShowSuccessor(*job, ref);
}

}  // namespace moa
