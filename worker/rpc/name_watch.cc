#include "worker/rpc/name_watch.h"

#include <thread>
#include <utility>

#include "common/log/log.h"
#include "common/loop/mutex.h"
#include "worker/rpc/resolve_pace.h"

namespace moa::worker {

struct NameWatch::State {
  State(Loop& the_loop, CoordinatorNames the_names, const Options& options, Changed the_changed)
      : resolve(options.resolve),
        changed(std::move(the_changed)),
        names(std::move(the_names)),
        told(names.addresses()),
        loop(&the_loop),
        pace(options.interval) {}

  // False when the watch is gone.
  bool WaitUntilDue();
  bool Take(const std::string& host, const absl::StatusOr<std::vector<std::string>>& answer);

  const Resolve resolve;
  const Changed changed;

  // The thread's, once it runs.
  CoordinatorNames names;
  std::vector<CoordinatorAddress> told;

  Mutex mutex;
  CondVar wake;
  Loop* loop ABSL_GUARDED_BY(mutex);  // null once the watch is gone
  ResolvePace pace ABSL_GUARDED_BY(mutex);
};

bool NameWatch::State::WaitUntilDue() {
  MutexLock lock(mutex);
  while (loop != nullptr) {
    const absl::Time now = Loop::Now();
    if (now >= pace.next()) {
      pace.Begin(now);
      return true;
    }
    wake.WaitFor(mutex, absl::ToChronoNanoseconds(pace.next() - now));
  }
  return false;
}

bool NameWatch::State::Take(const std::string& host,
                            const absl::StatusOr<std::vector<std::string>>& answer) {
  // All of it under the mutex: once the watch is gone nothing is logged or posted.
  MutexLock lock(mutex);
  if (loop == nullptr) return false;
  const CoordinatorNames::News news = names.Resolved(host, answer);
  if (news == CoordinatorNames::News::kLost) {
    LogWarning("cannot resolve the coordinator's name; I keep trying",
               {{"name", host},
                {"reason", answer.ok() ? "it has no address" : answer.status().message()}});
  } else if (news == CoordinatorNames::News::kBack) {
    LogInfo("the coordinator's name can be resolved again", {{"name", host}});
  }
  std::vector<CoordinatorAddress> addresses = names.addresses();
  if (addresses == told) return true;
  told = addresses;
  loop->Post([tell = changed, all = std::move(addresses)]() mutable { tell(std::move(all)); });
  return true;
}

NameWatch::NameWatch(Loop& loop, CoordinatorNames names, const Options& options, Changed changed)
    : state_(std::make_shared<State>(loop, std::move(names), options, std::move(changed))) {
  if (state_->names.hosts().empty()) return;
  // Detached: a resolver whose servers are away answers after half a minute, and nobody waits for that to leave.
  std::thread([state = state_] { Run(*state); }).detach();
}

NameWatch::~NameWatch() {
  MutexLock lock(state_->mutex);
  state_->loop = nullptr;
  state_->wake.NotifyAll();
}

void NameWatch::Hurry() {
  MutexLock lock(state_->mutex);
  state_->pace.Hurry();
  state_->wake.NotifyAll();
}

void NameWatch::Run(State& state) {
  const std::vector<std::string> hosts = state.names.hosts();
  while (state.WaitUntilDue()) {
    for (const std::string& host : hosts) {
      if (!state.Take(host, state.resolve(host))) return;
    }
  }
}

}  // namespace moa::worker
