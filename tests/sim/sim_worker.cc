#include "tests/sim/sim_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace moa::sim {
namespace {

// Nobody stores that an attempt was cancelled or refused, so nobody will say that it is durable.
bool IsWorthKeeping(const Event& event) {
  const auto* failed = std::get_if<AttemptFailed>(&event);
  return failed == nullptr || (failed->error.code != ErrorCode::kCancelled &&
                               failed->error.code != ErrorCode::kWorkerLost);
}

}  // namespace

SimWorker::SimWorker(World& world, SimProvider& provider, std::string name, Shape shape, Dial dial)
    : world_(world),
      provider_(provider),
      name_(std::move(name)),
      shape_(std::move(shape)),
      dial_(std::move(dial)) {}

void SimWorker::Start() {
  if (up_) return;
  up_ = true;
  draining_ = false;
  lowered_ = false;
  ++life_;
  world_.trace(name_, " starts, slots ", shape_.slots);
  Connect();
}

void SimWorker::Crash() {
  if (!up_) return;
  world_.trace(name_, " is gone, held ", entries_.size());
  up_ = false;
  entries_.clear();
  if (stream_) stream_->WorkerGone();
  stream_ = nullptr;
  welcomed_ = false;
  connected_since_ = absl::InfiniteFuture();
  lost_ = absl::InfiniteFuture();
}

void SimWorker::BreakStream() {
  if (stream_) stream_->Break();
}

void SimWorker::CutOff(absl::Duration duration) {
  cut_off_until_ = std::max(cut_off_until_, world_.queue.now() + duration);
  BreakStream();
}

void SimWorker::SetSlots(uint32_t slots) {
  lowered_ = lowered_ || slots < shape_.slots;
  shape_.slots = slots;
  world_.trace(name_, " has ", slots, " slots now");
  if (welcomed_) stream_->SendToCoordinator(Status{slots, shape_.models, draining_});
}

void SimWorker::Drain() {
  if (!up_ || draining_) return;
  world_.trace(name_, " drains");
  draining_ = true;
  lowered_ = true;
  if (welcomed_) stream_->SendToCoordinator(Status{shape_.slots, shape_.models, true});
  // After the drain timeout it hands back what still runs, and a little later it is gone.
  world_.queue.After(absl::Seconds(8), [this, life = life_] {
    if (life != life_ || !up_) return;
    for (const AttemptRef& ref : Running()) {
      Finish(ref, MakeFailure(ref, ErrorCode::kWorkerLost, true, "the worker shut down"));
    }
  });
  world_.queue.After(absl::Seconds(10), [this, life = life_] {
    if (life == life_) Crash();
  });
  LeaveWhenIdle();
}

// Nothing runs and every result is on disk: leaves before its time.
void SimWorker::LeaveWhenIdle() {
  if (!draining_ || !welcomed_ || !entries_.empty()) return;
  world_.queue.After(absl::Milliseconds(1), [this, life = life_] {
    if (life == life_ && draining_ && entries_.empty()) Crash();
  });
}

uint32_t SimWorker::running() const {
  return static_cast<uint32_t>(std::count_if(entries_.begin(), entries_.end(), [](const auto& e) {
    return !e.second.finished.has_value();
  }));
}

std::vector<AttemptRef> SimWorker::Running() const {
  std::vector<AttemptRef> running;
  for (const auto& [ref, entry] : entries_) {
    if (!entry.finished) running.push_back(ref);
  }
  return running;
}

std::string SimWorker::Holds() const {
  std::string holds;
  for (const auto& [ref, entry] : entries_) {
    absl::StrAppend(&holds, name_, entry.finished ? " holds the result of " : " runs ", Name(ref),
                    "; ");
  }
  return holds;
}

void SimWorker::ConnectLater() {
  const absl::Duration pause =
      world_.random.Between(absl::Milliseconds(50), absl::Milliseconds(1000));
  world_.queue.After(pause, [this, life = life_] {
    if (life == life_ && up_ && stream_ == nullptr) Connect();
  });
}

void SimWorker::Connect() {
  if (world_.faults && world_.queue.now() < cut_off_until_) return ConnectLater();
  stream_ = dial_({.received = [this](ToWorker message) { OnMessage(std::move(message)); },
                   .broken = [this] { OnBroken(); }});
  if (stream_ == nullptr) return ConnectLater();
  Hello hello{.id = WorkerId(absl::StrCat(name_, ".", life_)),
              .slots = shape_.slots,
              .models = shape_.models,
              .draining = draining_};
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    // Told on a stream that broke: that Hello does not name it tells the same.
    if (entry.finished && !IsWorthKeeping(*entry.finished)) {
      it = entries_.erase(it);
      continue;
    }
    entry.in_hello = true;
    entry.reported = entry.finished.has_value();
    hello.held.push_back({it->first, entry.input_hash, entry.finished});
    ++it;
  }
  lost_ = absl::InfiniteFuture();
  world_.trace(name_, " says hello on stream ", stream_->id(), ", holds ", hello.held.size());
  stream_->SendToCoordinator(std::move(hello));
}

void SimWorker::OnBroken() {
  stream_ = nullptr;
  welcomed_ = false;
  connected_since_ = absl::InfiniteFuture();
  for (auto& [ref, entry] : entries_) entry.in_hello = false;
  lost_ = world_.queue.now();
  world_.queue.After(shape_.orphan_limit, [this, life = life_] {
    if (life == life_) ExpireOrphans();
  });
  ConnectLater();
}

void SimWorker::ExpireOrphans() {
  if (!up_ || world_.queue.now() < lost_ + shape_.orphan_limit) return;
  for (const AttemptRef& ref : Running()) {
    world_.trace(name_, " gives up the orphan ", Name(ref));
    entries_.erase(ref);
  }
}

void SimWorker::OnMessage(ToWorker message) {
  if (!welcomed_ && !std::holds_alternative<Welcome>(message)) return;
  std::visit([this](const auto& what) { On(what); }, message);
}

void SimWorker::On(const Welcome& welcome) {
  welcomed_ = true;
  connected_since_ = world_.queue.now();
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    if (!std::exchange(current->second.in_hello, false)) continue;
    const bool kept =
        std::find(welcome.keep.begin(), welcome.keep.end(), current->first) != welcome.keep.end();
    if (!kept) Forget(current);
  }
  Report();
  LeaveWhenIdle();
}

void SimWorker::On(const RunTask& run) {
  if (entries_.contains(run.ref)) return;
  const uint32_t now_running = running();
  Entry& entry = entries_[run.ref];
  entry.input_hash = run.input_hash;
  entry.started = world_.queue.now();
  if (draining_ || now_running >= shape_.slots) {
    // By its own count a slot is free whenever the coordinator's says so, unless it took slots
    // back.
    world_.auditor.Require(lowered_, "a coordinator never overbooks a worker",
                           absl::StrCat(Name(run.ref), " to ", name_, ", which runs ", now_running,
                                        " of ", shape_.slots));
    Finish(run.ref, MakeFailure(run.ref, ErrorCode::kWorkerLost, true, "no slot is free"));
    return;
  }
  StartCall(run);
}

void SimWorker::StartCall(const RunTask& run) {
  const uint64_t call = next_call_++;
  entries_.at(run.ref).call = call;
  world_.auditor.Require(run.call->Hash() == run.input_hash, "a task's hash is that of its input",
                         Name(run.ref));
  SimProvider::Reply reply = provider_.Answer(run.ref, run.call);
  absl::Duration after = std::min(run.timeout, shape_.call_timeout);
  if (reply.after <= after) {
    after = reply.after;
  } else {
    reply.event = MakeFailure(run.ref, ErrorCode::kUpstreamTimeout, true, "the call took too long");
  }
  if (auto* succeeded = std::get_if<AttemptSucceeded>(&reply.event)) succeeded->run = after;
  world_.trace(name_, " calls for ", Name(run.ref));
  world_.queue.After(
      after, [this, life = life_, call, ref = run.ref, event = std::move(reply.event)]() mutable {
        const auto it = entries_.find(ref);
        if (life != life_ || it == entries_.end() || it->second.call != call) return;
        if (!it->second.finished) Finish(ref, std::move(event));
      });
}

void SimWorker::On(const CancelTask& cancel) {
  const auto it = entries_.find(cancel.ref);
  if (it == entries_.end() || it->second.finished) return;
  Finish(cancel.ref, MakeFailure(cancel.ref, ErrorCode::kCancelled, false, "cancelled"));
}

void SimWorker::On(const ResultsDurable& durable) {
  for (const AttemptRef& ref : durable.refs) {
    const auto it = entries_.find(ref);
    if (it != entries_.end() && it->second.finished) Forget(it);
  }
  LeaveWhenIdle();
}

void SimWorker::Forget(Entries::iterator it) {
  if (it->second.finished) world_.auditor.Forgotten(*it->second.finished);
  entries_.erase(it);
}

void SimWorker::Finish(const AttemptRef& ref, Event event) {
  const auto it = entries_.find(ref);
  world_.trace(name_, " ends ", Name(ref),
               std::holds_alternative<AttemptSucceeded>(event)
                   ? ": ok"
                   : absl::StrCat(": ", ErrorCodeName(std::get<AttemptFailed>(event).error.code)));
  if (stream_ == nullptr && !IsWorthKeeping(event)) {
    entries_.erase(it);
    return;
  }
  it->second.finished = std::move(event);
  Report();
}

void SimWorker::Report() {
  if (!welcomed_) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    Entry& entry = current->second;
    if (!entry.finished || std::exchange(entry.reported, true)) continue;
    stream_->SendToCoordinator(Finished{*entry.finished});
    if (!IsWorthKeeping(*entry.finished)) entries_.erase(current);
  }
  LeaveWhenIdle();
}

}  // namespace moa::sim
