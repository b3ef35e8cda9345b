#pragma once

#include <cstddef>
#include <cstdio>
#include <deque>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "coordinator/engine/types.h"
#include "tests/sim/event_queue.h"

namespace moa::sim {

// What happened, line by line, for people. Off by default, when a line costs a branch: a run that
// fails is made again with the trace on, which the seed makes possible.
//
// Owner: the World. Not thread-safe.
class Trace {
 public:
  enum class Mode { kOff, kKeepLast, kPrint };

  Trace(const EventQueue& queue, Mode mode) : queue_(queue), mode_(mode) {}

  // The parts as for absl::StrCat.
  template <typename... Parts>
  void operator()(const Parts&... parts) {
    if (mode_ == Mode::kOff) return;
    Line(absl::StrCat(parts...));
  }
  const std::deque<std::string>& last() const { return last_; }

 private:
  static constexpr size_t kKept = 80;

  void Line(const std::string& text) {
    const absl::Duration at = queue_.now() - absl::FromUnixSeconds(1'800'000'000);
    std::string line = absl::StrCat(absl::FormatDuration(at), "  ", text);
    if (mode_ == Mode::kPrint) std::printf("%s\n", line.c_str());
    last_.push_back(std::move(line));
    if (last_.size() > kKept) last_.pop_front();
  }

  const EventQueue& queue_;
  const Mode mode_;
  std::deque<std::string> last_;
};

// "j3/7#2@1": job, task, attempt, epoch.
inline std::string Name(const AttemptRef& ref) {
  return absl::StrCat(ref.job.value(), "/", ref.task, "#", ref.attempt, "@", ref.epoch);
}

}  // namespace moa::sim
