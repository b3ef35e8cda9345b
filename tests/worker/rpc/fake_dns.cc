#include "tests/worker/rpc/fake_dns.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace moa::worker {

void FakeDns::Set(const std::string& host, std::vector<std::string> ips) {
  MutexLock lock(state_->mutex);
  state_->answers[host] = std::move(ips);
}

void FakeDns::Fail(const std::string& host) {
  MutexLock lock(state_->mutex);
  state_->answers.erase(host);
}

bool FakeDns::WaitForAnAnswer() {
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  MutexLock lock(state_->mutex);
  const int wanted = state_->questions + 2;
  while (state_->questions < wanted && absl::Now() < deadline) {
    state_->asked.WaitFor(state_->mutex, std::chrono::milliseconds(100));
  }
  return state_->questions >= wanted;
}

NameWatch::Resolve FakeDns::resolve() {
  return [state = state_](const std::string& host) -> absl::StatusOr<std::vector<std::string>> {
    MutexLock lock(state->mutex);
    ++state->questions;
    state->asked.NotifyAll();
    const auto it = state->answers.find(host);
    if (it == state->answers.end()) {
      return absl::NotFoundError(absl::StrCat(host, " has no address"));
    }
    return it->second;
  };
}

}  // namespace moa::worker
