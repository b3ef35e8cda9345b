#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/prompt.h"

namespace moa::sim {

// proto/moa/v1/worker.proto at the level of its rules: the same messages as plain structs.

// Everything that one upstream call sends, shared contexts opened.
struct Call {
  std::string model{};
  std::vector<Message> messages{};
  std::optional<uint64_t> seed{};
  bool with_tools = false;
  uint32_t max_completion_tokens = 0;

  static Call From(const CallInput& input);
  // Identity of all of it: what RunTask.input_hash is.
  uint64_t Hash() const;
};

struct Held {
  AttemptRef ref{};
  uint64_t input_hash = 0;
  std::optional<Event> finished{};  // AttemptSucceeded or AttemptFailed
};

struct Hello {
  WorkerId id{};
  uint32_t slots = 0;
  std::vector<std::string> models{};
  bool draining = false;
  std::vector<Held> held{};
};
struct Finished {
  Event event{};
};
struct Status {
  uint32_t slots = 0;
  std::vector<std::string> models{};
  bool draining = false;
};
struct Offer {
  std::vector<Held> held{};  // without `finished`
  std::vector<AttemptRef> withdrawn{};
};
using ToCoordinator = std::variant<Hello, Finished, Status, Offer>;

struct Welcome {
  std::vector<AttemptRef> keep{};
  std::vector<AttemptRef> undecided{};
};
struct RunTask {
  AttemptRef ref{};
  uint64_t input_hash = 0;
  std::shared_ptr<const Call> call{};  // owners: the messages and the worker's attempt
  absl::Duration timeout{};
};
struct CancelTask {
  AttemptRef ref{};
};
struct ResultsDurable {
  std::vector<AttemptRef> refs{};
};
struct Claim {
  std::vector<AttemptRef> refs{};
};
struct SlotsConfirmed {
  uint32_t slots = 0;
};
struct Demand {
  uint32_t waiting = 0;
};
using ToWorker =
    std::variant<Welcome, RunTask, CancelTask, ResultsDurable, Claim, SlotsConfirmed, Demand>;

// The attempt that an AttemptSucceeded or AttemptFailed is about.
const AttemptRef& RefOf(const Event& event);

}  // namespace moa::sim
