#include "coordinator/rpc/worker_hub.h"

#include <string>
#include <utility>

#include "common/net/random_id.h"

namespace moa {
namespace {

constexpr absl::Duration kTickInterval = absl::Milliseconds(250);

}  // namespace

WorkerHub::WorkerHub(Coordinator& coordinator)
    : coordinator_(coordinator), coordinator_id_(RandomId()) {
  coordinator_.loop().Post([this] {
    coordinator_.loop().AssertHeld();
    Tick();
  });
}

grpc::ServerBidiReactor<v1::WorkerMessage, v1::CoordinatorMessage>* WorkerHub::Connect(
    grpc::CallbackServerContext*) {
  const uint64_t id = next_session_.fetch_add(1);
  auto outlet = std::make_shared<WorkerOutlet>();
  // The session is posted before the stream can post what it reads.
  coordinator_.loop().Post([this, id, outlet] {
    coordinator_.loop().AssertHeld();
    sessions_.emplace(id, std::make_unique<WorkerSession>(coordinator_, outlet, coordinator_id_));
  });
  return new WorkerStream(*this, id, std::move(outlet));  // deletes itself in OnDone
}

void WorkerHub::CloseAll(absl::string_view reason) {
  coordinator_.loop().Post([this, text = std::string(reason)] {
    coordinator_.loop().AssertHeld();
    for (auto& [id, session] : sessions_) session->Close(text);
  });
}

void WorkerHub::Receive(uint64_t session, v1::WorkerMessage message) {
  coordinator_.loop().Post([this, session, message = std::move(message)]() mutable {
    coordinator_.loop().AssertHeld();
    const auto it = sessions_.find(session);
    if (it != sessions_.end()) it->second->OnMessage(std::move(message));
  });
}

void WorkerHub::Closed(uint64_t session) {
  coordinator_.loop().Post([this, session] {
    coordinator_.loop().AssertHeld();
    const auto it = sessions_.find(session);
    if (it == sessions_.end()) return;
    it->second->OnClosed();
    sessions_.erase(it);
  });
}

void WorkerHub::Tick() {
  const absl::Time now = Loop::Now();
  for (auto& [id, session] : sessions_) session->OnTick(now);
  coordinator_.loop().CallAt(now + kTickInterval, [this] {
    coordinator_.loop().AssertHeld();
    Tick();
  });
}

}  // namespace moa
