#include "tests/chaos/node.h"

#include <signal.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace moa::chaos {
namespace {

// What a supervisor waits so that a program that cannot start does not spin.
constexpr absl::Duration kRestartAfter = absl::Milliseconds(500);
constexpr size_t kLastWordsBytes = 600;

}  // namespace

void Node::Start() {
  start_at_ = absl::InfiniteFuture();
  terminating_ = paused_ = false;
  ++lives_;
  const std::string path = absl::StrCat(options_.dir, "/", name(), ".", lives_);
  process_ = std::make_unique<cluster::Process>(
      cluster::Process::Options{.program = cluster::ProgramPath(options_.program),
                                .args = options_.args,
                                .environment = options_.variables,
                                .output_path = path + ".out",
                                .log_path = path + ".log",
                                .network_fd = options_.host == nullptr ? -1 : options_.host->fd});
}

void Node::Kill(absl::Duration down_for) {
  process_.reset();
  paused_ = terminating_ = false;
  start_at_ = absl::Now() + down_for;
}

void Node::Terminate() {
  if (!up()) return;
  terminating_ = true;
  process_->Signal(SIGTERM);
}

void Node::Pause() {
  if (!up() || !process_->Running()) return;
  process_->Signal(SIGSTOP);
  paused_ = true;
}

void Node::Resume() {
  if (up() && paused_ && process_->Running()) process_->Signal(SIGCONT);
  paused_ = false;
}

std::optional<int> Node::Shutdown(absl::Duration patience) {
  start_at_ = absl::InfiniteFuture();
  if (!up()) return std::nullopt;
  Resume();
  if (process_->Running()) process_->Signal(SIGTERM);
  const std::optional<int> status = process_->Wait(patience);
  process_.reset();
  return status;
}

void Node::Supervise(absl::Time now) {
  if (up() && !process_->Running()) {
    const int status = *process_->Wait();
    if (!terminating_ || status != 0) {
      const std::string log = process_->Log();
      ended_.push_back(
          {name(), status, log.substr(log.size() - std::min(log.size(), kLastWordsBytes))});
    }
    const bool planned = terminating_;
    process_.reset();
    paused_ = terminating_ = false;
    start_at_ = now + (planned ? absl::ZeroDuration() : kRestartAfter);
  }
  if (!up() && now >= start_at_) Start();
}

}  // namespace moa::chaos
