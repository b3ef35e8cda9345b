#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/sim/sim_coordinator.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

// As in coordinator/runtime.
constexpr absl::Duration kReconnectGrace = absl::Milliseconds(500);
constexpr absl::Duration kBackstop = absl::Seconds(2);

}  // namespace

SimCoordinator::Session* SimCoordinator::SessionOf(const WorkerId& worker) {
  const auto it = workers_.find(worker);
  return it == workers_.end() ? nullptr : &sessions_.at(it->second);
}

void SimCoordinator::Accept(const std::shared_ptr<Stream>& stream) {
  const uint64_t id = stream->id();
  sessions_[id].stream = stream;
  world_.auditor.StreamOf(id, epoch_);
  stream->Attach({.received =
                      [this, id](ToCoordinator message) {
                        Run([this, id, message = std::move(message)] {
                          if (sessions_.contains(id)) OnMessage(id, message);
                        });
                      },
                  .broken =
                      [this, id] {
                        Run([this, id] {
                          const auto it = sessions_.find(id);
                          if (it == sessions_.end()) return;
                          if (!it->second.worker.empty()) WorkerLeft(it->second.worker, id);
                          sessions_.erase(id);
                          Touch();
                        });
                      }});
}

void SimCoordinator::OnMessage(uint64_t id, ToCoordinator message) {
  Touch();
  // What is not heard is lost, so the streams are closed even if the lease goes on in a moment.
  if (IsSuspended()) return Suspend();
  if (auto* hello = std::get_if<Hello>(&message)) return OnHello(id, std::move(*hello));
  const WorkerId worker = sessions_.at(id).worker;
  const auto current = workers_.find(worker);
  const bool replaced = current == workers_.end() || current->second != id;
  if (const auto* status = std::get_if<Status>(&message)) {
    if (replaced) return;
    WorkerCapacity capacity;
    capacity.slots = status->slots;
    capacity.models = status->models;
    capacity.draining = status->draining;
    scheduler_.SetWorker(worker, std::move(capacity));
    world_.auditor.SlotsChanged(id, status->draining ? 0 : status->slots);
    sessions_.at(id).pending.push_back(SlotsConfirmed{status->slots});
    return;
  }
  if (const auto* offer = std::get_if<Offer>(&message)) {
    if (!replaced) OnOffer(sessions_.at(id), *offer);
    return;
  }
  // The new stream's Hello has told it all, and its answer is for the new stream.
  if (replaced && world_.bug != Bug::kHearReplacedStream) return;
  const Event& event = std::get<Finished>(message).event;
  if (world_.bug == Bug::kDropResult && world_.Fault(3)) return;
  world_.auditor.Ended(id, RefOf(event));
  AttemptEnded(worker, event);
}

void SimCoordinator::OnHello(uint64_t id, Hello hello) {
  const WorkerId worker = hello.id;
  if (const auto earlier = workers_.find(worker); earlier != workers_.end()) {
    // It noticed the break before we did.
    const uint64_t replaced = earlier->second;
    WorkerLeft(worker, replaced);
    // Also when it is the older stream whose Hello came late: the worker then dials once more.
    sessions_.at(replaced).stream->Break();
  }
  sessions_.at(id).worker = worker;
  WorkerCapacity capacity;
  capacity.slots = hello.slots;
  capacity.models = hello.models;
  capacity.draining = hello.draining;
  scheduler_.SetWorker(worker, std::move(capacity));
  workers_[worker] = id;
  world_.auditor.Connected(id, worker, hello.draining ? 0 : hello.slots);
  // Results first and in plan order: an attempt of a later layer answers those of the one before.
  std::sort(hello.held.begin(), hello.held.end(), [](const Held& a, const Held& b) {
    return std::make_pair(!a.finished, a.ref) < std::make_pair(!b.finished, b.ref);
  });
  Welcome welcome;
  for (const Held& held : hello.held) {
    const auto stored = disk_.jobs.find(held.ref.job);
    if (member_ != nullptr && FindJob(held.ref.job) == nullptr && stored != disk_.jobs.end() &&
        !stored->second.terminal()) {
      welcome.undecided.push_back(held.ref);
      continue;
    }
    const bool taken = TakeHeld(worker, held);
    world_.trace("held ", Name(held.ref), taken ? " is kept" : " is dropped");
    if (!taken) continue;
    welcome.keep.push_back(held.ref);
    // A result on its way to the disk was taken before.
    if (!held.finished || scheduler_.WorkerOf(held.ref) == nullptr) continue;
    world_.auditor.Ended(id, held.ref);
    AttemptEnded(worker, *held.finished);
  }
  sessions_.at(id).pending.push_back(std::move(welcome));
}

bool SimCoordinator::TakeHeld(const WorkerId& worker, const Held& held) {
  LiveJob* job = FindJob(held.ref.job);
  if (job == nullptr || held.ref.task >= job->plan->tasks.size()) return false;
  const bool on_its_way =
      std::any_of(job->unstored.begin(), job->unstored.end(), [&](const Unstored& unstored) {
        return unstored.result && unstored.result->second == held.ref;
      });
  if (on_its_way && world_.bug != Bug::kDropHeldUndurable) return true;
  const JobMachine::Task& task = job->machine.task(held.ref.task);
  if (task.state != TaskState::kQueued) return false;
  if (BuildCall(*job, held.ref.task)->Hash() != held.input_hash &&
      world_.bug != Bug::kAdoptWrongInput) {
    return false;
  }
  Apply(*job, AttemptAdopted{.ref = held.ref, .worker = worker.value()}, absl::InfinitePast());
  if (task.state != TaskState::kRunning || task.current != held.ref) return false;
  scheduler_.Adopt(MakeReady(*job, held.ref, task.result.model), worker, Now());
  world_.auditor.Adopted(workers_.at(worker), held.ref);
  return true;
}

void SimCoordinator::WorkerLeft(const WorkerId& worker, uint64_t session) {
  const auto it = workers_.find(worker);
  if (it == workers_.end() || it->second != session) return;
  const std::vector<AttemptRef> lost = scheduler_.RemoveWorker(worker, Now());
  workers_.erase(it);
  world_.auditor.Disconnected(session);
  world_.trace("worker ", worker.value(), " left, ", lost.size(), " attempts lost");
  for (const AttemptRef& ref : lost) {
    LiveJob* job = FindJob(ref.job);
    if (job == nullptr) continue;
    Apply(*job,
          AttemptFailed{.ref = ref,
                        .error = {.code = ErrorCode::kWorkerLost, .message = "ERR! worker lost"},
                        .retryable = true},
          Now() + kReconnectGrace);
  }
}

CallEnd SimCoordinator::CallEndOf(const Event& event) {
  CallEnd end;
  const auto* failed = std::get_if<AttemptFailed>(&event);
  if (failed == nullptr) return end;
  end.retry_after = failed->retry_after;
  end.random = world_.random.Next();
  if (failed->error.code == ErrorCode::kQuotaExceeded) end.kind = CallEnd::Kind::kQuotaRefused;
  if (failed->error.code == ErrorCode::kQueueExceeded) end.kind = CallEnd::Kind::kBusy;
  if (failed->error.code == ErrorCode::kCancelled) end.kind = CallEnd::Kind::kDropped;
  return end;
}

void SimCoordinator::Release(const AttemptRef& ref) {
  scheduler_.Finish(ref, {.kind = CallEnd::Kind::kDropped}, {}, 0, Now());
}

void SimCoordinator::AttemptEnded(const WorkerId& worker, const Event& event) {
  const AttemptRef ref = RefOf(event);
  Session* session = SessionOf(worker);
  if (session == nullptr) return;
  const WorkerId* where = scheduler_.WorkerOf(ref);
  if (where == nullptr || *where != worker) {
    session->forgotten.push_back(ref);
    return;
  }
  LiveJob* job = FindJob(ref.job);
  if (job != nullptr || world_.bug != Bug::kLeakSlot) {
    scheduler_.Finish(ref, CallEndOf(event), {}, 0, Now());
  }
  if (job == nullptr) {
    session->forgotten.push_back(ref);
    return;
  }
  if (world_.bug == Bug::kForgetBeforeDurable) session->forgotten.push_back(ref);
  job->ending = {worker, ref};
  Apply(*job, event, absl::InfinitePast());
  // No record came of it (a retry follows, or it was stale): nothing to wait for.
  if (job->ending) session->forgotten.push_back(ref);
  job->ending.reset();
}

void SimCoordinator::Dispatch(const Assignment& assignment) {
  const AttemptRef& ref = assignment.ref;
  LiveJob* job = FindJob(ref.job);
  MOA_CHECK(job != nullptr);
  Apply(*job, AttemptDispatched{.ref = ref, .worker = assignment.worker.value()},
        absl::InfinitePast());
  // The deadline, or the stage's, may have passed since the round began: nothing is to be sent.
  if (!job->machine.Runs(ref)) {
    world_.auditor.Require(world_.bug != Bug::kDispatchAfterDeadline,
                           "a job that has ended makes no call", Name(ref));
    Release(ref);
    return;
  }
  const uint64_t session = workers_.at(assignment.worker);
  world_.auditor.Dispatched(session, ref);
  world_.auditor.DispatchedBy(epoch_, ref);
  const std::shared_ptr<const Call> call = BuildCall(*job, ref.task);
  world_.trace("dispatch ", Name(ref), " to ", assignment.worker.value());
  sessions_.at(session).pending.push_back(RunTask{
      .ref = ref,
      .input_hash = call->Hash(),
      .call = call,
      .timeout = std::max(job->machine.accepted_at() + job->plan->deadline - Now() + kBackstop,
                          absl::Microseconds(1))});
}

std::shared_ptr<const Call> SimCoordinator::BuildCall(const LiveJob& job, uint32_t task) const {
  Call call = Call::From(job.machine.Input(task));
  if (world_.bug == Bug::kForgetReference) {
    Message& last = call.messages.back();
    const size_t at = last.content.view().rfind("\n\n[Answer ");
    if (at != absl::string_view::npos) last.content = Text(last.content.view().substr(0, at));
  }
  return std::make_shared<const Call>(std::move(call));
}

// What the machines think is running is what the scheduler has slots taken for.
void SimCoordinator::CheckConsistency() {
  scheduler_.CheckInvariants();
  for (const auto& [id, job] : jobs_) {
    if (job->machine.ended()) continue;
    for (uint32_t i = 0; i < job->plan->tasks.size(); ++i) {
      const JobMachine::Task& task = job->machine.task(i);
      if (task.state != TaskState::kRunning) continue;
      world_.auditor.Require(!task.hedge.running || scheduler_.WorkerOf(task.hedge.ref) != nullptr,
                             "a running hedge has a slot", Name(task.hedge.ref));
      world_.auditor.Require(scheduler_.WorkerOf(task.current) != nullptr,
                             "a running attempt has a slot", Name(task.current));
    }
  }
}

}  // namespace moa::sim
