#include "tests/sim/sim_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/links.h"
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

SimWorker::SimWorker(World& world, SimProvider& provider, int number, Shape shape, int coordinators,
                     Dial dial)
    : world_(world),
      provider_(provider),
      name_(absl::StrCat("w", number)),
      node_(Links::Worker(number)),
      shape_(std::move(shape)),
      dial_(std::move(dial)) {
  for (int i = 0; i < coordinators; ++i) links_.push_back({.address = i});
}

void SimWorker::Start() {
  if (up_) return;
  up_ = true;
  draining_ = false;
  lowered_ = false;
  ++life_;
  world_.trace(name_, " starts, slots ", shape_.slots);
  for (Link& link : links_) Connect(link);
}

void SimWorker::Crash() {
  if (!up_) return;
  world_.trace(name_, " is gone, held ", entries_.size());
  up_ = false;
  entries_.clear();
  for (Link& link : links_) {
    if (link.stream) link.stream->WorkerGone();
    link = {.address = link.address};
  }
}

void SimWorker::BreakStreams() {
  for (const Link& link : links_) {
    if (link.stream && (!world_.cluster || world_.random.Percent(50))) link.stream->Break();
  }
}

void SimWorker::CutOff(absl::Duration duration) {
  cut_off_until_ = std::max(cut_off_until_, world_.queue.now() + duration);
  for (const Link& link : links_) {
    if (link.stream) link.stream->Break();
  }
}

void SimWorker::SetSlots(uint32_t slots) {
  lowered_ = lowered_ || slots < shape_.slots;
  shape_.slots = slots;
  world_.trace(name_, " has ", slots, " slots now");
  Regrant();
}

void SimWorker::Drain() {
  if (!up_ || draining_) return;
  world_.trace(name_, " drains");
  draining_ = true;
  lowered_ = true;
  for (Link& link : links_) {
    if (link.welcomed) link.stream->SendToCoordinator(Status{link.granted, shape_.models, true});
  }
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
  const bool welcomed =
      std::any_of(links_.begin(), links_.end(), [](const Link& link) { return link.welcomed; });
  if (!draining_ || !welcomed || !entries_.empty()) return;
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

std::vector<AttemptRef> SimWorker::RunningFor(absl::Duration connected) const {
  std::vector<AttemptRef> running;
  for (const auto& [ref, entry] : entries_) {
    if (entry.finished || entry.home == kNobody) continue;
    const Link& link = links_[static_cast<size_t>(entry.home)];
    if (world_.queue.now() >= link.connected_since + connected) running.push_back(ref);
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

void SimWorker::ConnectLater(Link& link) {
  const absl::Duration pause =
      world_.random.Between(absl::Milliseconds(50), absl::Milliseconds(1000));
  world_.queue.After(pause, [this, &link, life = life_] {
    if (life == life_ && up_ && link.stream == nullptr) Connect(link);
  });
}

void SimWorker::Connect(Link& link) {
  if (world_.faults && world_.queue.now() < cut_off_until_) return ConnectLater(link);
  link.stream =
      dial_(link.address,
            {.received = [this, &link](ToWorker message) { OnMessage(link, std::move(message)); },
             .broken = [this, &link] { OnBroken(link); }});
  if (link.stream == nullptr) return ConnectLater(link);
  link.granted = link.counted = FreeFor(link);
  Hello hello{.id = WorkerId(absl::StrCat(name_, ".", life_)),
              .slots = link.granted,
              .models = shape_.models,
              .draining = draining_};
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = it->second;
    if (entry.home != link.address) {
      ++it;
      continue;
    }
    if (world_.cluster) Withdraw(it->first);
    // Told on a stream that broke: that Hello does not name it tells the same.
    if (entry.finished && !IsWorthKeeping(*entry.finished)) {
      it = entries_.erase(it);
      continue;
    }
    entry.in_hello = true;
    entry.reported = entry.finished.has_value();
    entry.orphan_since = absl::InfiniteFuture();
    hello.held.push_back({it->first, entry.input_hash, entry.finished});
    ++it;
  }
  world_.trace(name_, " says hello on stream ", link.stream->id(), ", holds ", hello.held.size());
  link.stream->SendToCoordinator(std::move(hello));
}

void SimWorker::OnBroken(Link& link) {
  link = {.address = link.address};
  for (auto& [ref, entry] : entries_) {
    if (entry.home != link.address) continue;
    entry.in_hello = false;
    entry.orphan_since = std::min(entry.orphan_since, world_.queue.now());
  }
  world_.queue.After(shape_.orphan_limit, [this, life = life_] {
    if (life == life_) ExpireOrphans();
  });
  ConnectLater(link);
  if (!world_.cluster) return;
  OfferToAll();
  Regrant();
}

void SimWorker::ExpireOrphans() {
  if (!up_) return;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    const Entry& entry = current->second;
    if (world_.queue.now() < entry.orphan_since + shape_.orphan_limit) continue;
    // A lone coordinator comes back for its results.
    if (entry.finished && !world_.cluster) continue;
    world_.trace(name_, " gives up the orphan ", Name(current->first));
    if (world_.cluster) Withdraw(current->first);
    entries_.erase(current);
  }
}

void SimWorker::OnMessage(Link& link, ToWorker message) {
  if (!link.welcomed && !std::holds_alternative<Welcome>(message)) return;
  std::visit([this, &link](const auto& what) { On(link, what); }, message);
}

void SimWorker::On(Link& link, const Welcome& welcome) {
  link.welcomed = true;
  link.connected_since = world_.queue.now();
  const auto names = [](const std::vector<AttemptRef>& refs, const AttemptRef& ref) {
    return std::find(refs.begin(), refs.end(), ref) != refs.end();
  };
  bool undecided = false;
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    if (current->second.home != link.address) continue;
    if (!std::exchange(current->second.in_hello, false)) continue;
    if (names(welcome.undecided, current->first)) {
      current->second.home = kNobody;
      current->second.orphan_since = world_.queue.now();
      current->second.reported = false;
      undecided = true;
    } else if (!names(welcome.keep, current->first)) {
      Forget(link, current);
    }
  }
  if (undecided) {
    world_.queue.After(shape_.orphan_limit, [this, life = life_] {
      if (life == life_) ExpireOrphans();
    });
  }
  if (world_.cluster) OfferToAll();
  Report();
  Regrant();
  LeaveWhenIdle();
}

void SimWorker::On(Link& link, const RunTask& run) {
  if (entries_.contains(run.ref)) return;
  const uint32_t now_running = running();
  Entry& entry = entries_[run.ref];
  entry.input_hash = run.input_hash;
  entry.home = link.address;
  if (draining_ || now_running >= shape_.slots) {
    // By its own count a slot is free whenever the coordinator's says so, unless it took slots
    // back, or runs on what it holds of a coordinator that it lost.
    world_.auditor.Require(lowered_ || world_.cluster, "a coordinator never overbooks a worker",
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

void SimWorker::On(Link& link, const CancelTask& cancel) {
  const auto it = entries_.find(cancel.ref);
  if (it == entries_.end() || it->second.finished || it->second.home != link.address) return;
  Finish(cancel.ref, MakeFailure(cancel.ref, ErrorCode::kCancelled, false, "cancelled"));
}

void SimWorker::On(Link& link, const ResultsDurable& durable) {
  for (const AttemptRef& ref : durable.refs) {
    const auto it = entries_.find(ref);
    if (it == entries_.end() || !it->second.finished || it->second.home != link.address) continue;
    Forget(link, it);
  }
  LeaveWhenIdle();
}

void SimWorker::Forget(const Link& link, Entries::iterator it) {
  if (it->second.finished) world_.auditor.Forgotten(link.stream->id(), *it->second.finished);
  entries_.erase(it);
}

void SimWorker::Finish(const AttemptRef& ref, Event event) {
  const auto it = entries_.find(ref);
  world_.trace(name_, " ends ", Name(ref),
               std::holds_alternative<AttemptSucceeded>(event)
                   ? ": ok"
                   : absl::StrCat(": ", ErrorCodeName(std::get<AttemptFailed>(event).error.code)));
  const bool connected =
      it->second.home != kNobody && links_[static_cast<size_t>(it->second.home)].stream != nullptr;
  if (!connected && !IsWorthKeeping(event)) {
    if (world_.cluster) Withdraw(ref);
    entries_.erase(it);
    return;
  }
  it->second.finished = std::move(event);
  Report();
}

void SimWorker::Report() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto current = it++;
    Entry& entry = current->second;
    if (!entry.finished || entry.home == kNobody) continue;
    const Link& link = links_[static_cast<size_t>(entry.home)];
    if (!link.welcomed || std::exchange(entry.reported, true)) continue;
    link.stream->SendToCoordinator(Finished{*entry.finished});
    if (!IsWorthKeeping(*entry.finished)) entries_.erase(current);
  }
  LeaveWhenIdle();
}

}  // namespace moa::sim
