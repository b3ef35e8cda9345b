#include "tests/worker/rpc/fake_hub.h"

#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/net/grpc_defaults.h"
#include "common/net/random_id.h"

namespace moa::worker {
namespace {

constexpr absl::Duration kWaitLimit = absl::Seconds(20);

}  // namespace

int HubSession::heartbeats() const {
  MutexLock lock(mutex_);
  return heartbeats_;
}

void HubSession::Send(const v1::CoordinatorMessage& message) {
  MutexLock lock(mutex_);
  if (stream_ != nullptr) stream_->Write(message);
}

void HubSession::Welcome(const std::vector<v1::AttemptRef>& keep, absl::Duration silence_limit) {
  v1::CoordinatorMessage message;
  v1::Welcome* welcome = message.mutable_welcome();
  welcome->set_coordinator_id(coordinator_id_);
  welcome->set_silence_limit_us(absl::ToInt64Microseconds(silence_limit));
  for (const v1::AttemptRef& ref : keep) *welcome->add_keep() = ref;
  Send(message);
}

void HubSession::Run(const v1::RunTask& task) {
  v1::CoordinatorMessage message;
  *message.mutable_run_task() = task;
  Send(message);
}

void HubSession::Cancel(const v1::AttemptRef& ref) {
  v1::CoordinatorMessage message;
  *message.mutable_cancel()->mutable_ref() = ref;
  Send(message);
}

void HubSession::Durable(const v1::AttemptRef& ref) {
  v1::CoordinatorMessage message;
  *message.mutable_durable()->add_refs() = ref;
  Send(message);
}

void HubSession::Undecided(const std::vector<v1::AttemptRef>& refs) {
  v1::CoordinatorMessage message;
  v1::Welcome* welcome = message.mutable_welcome();
  welcome->set_coordinator_id(coordinator_id_);
  welcome->set_silence_limit_us(absl::ToInt64Microseconds(absl::Seconds(30)));
  for (const v1::AttemptRef& ref : refs) *welcome->add_undecided() = ref;
  Send(message);
}

void HubSession::Claim(const v1::AttemptRef& ref) {
  v1::CoordinatorMessage message;
  *message.mutable_claim()->add_refs() = ref;
  Send(message);
}

void HubSession::ConfirmSlots(uint32_t slots) {
  v1::CoordinatorMessage message;
  message.mutable_slots_confirmed()->set_slots(slots);
  Send(message);
}

void HubSession::Demand(uint32_t waiting) {
  v1::CoordinatorMessage message;
  message.mutable_demand()->set_waiting(waiting);
  Send(message);
}

v1::WorkerMessage HubSession::Next() {
  const absl::Time deadline = absl::Now() + kWaitLimit;
  MutexLock lock(mutex_);
  while (received_.empty()) {
    if (ended_ || absl::Now() > deadline) {
      ADD_FAILURE() << (ended_ ? "the stream has ended" : "no message came in time");
      return {};
    }
    changed_.WaitFor(mutex_, std::chrono::milliseconds(200));
  }
  v1::WorkerMessage message = std::move(received_.front());
  received_.pop_front();
  return message;
}

v1::AttemptFinished HubSession::NextFinished() {
  while (batch_.empty()) {
    const v1::WorkerMessage message = Next();
    if (message.has_finished()) return message.finished();
    for (const v1::AttemptFinished& one : message.finished_batch().attempts()) {
      batch_.push_back(one);
    }
    if (message.kind_case() == v1::WorkerMessage::KIND_NOT_SET) return {};
  }
  v1::AttemptFinished finished = std::move(batch_.front());
  batch_.pop_front();
  return finished;
}

v1::WorkerStatus HubSession::NextStatus() {
  while (true) {
    const v1::WorkerMessage message = Next();
    if (message.has_status() || message.kind_case() == v1::WorkerMessage::KIND_NOT_SET) {
      return message.status();
    }
  }
}

v1::OfferAttempts HubSession::NextOffer() {
  while (true) {
    const v1::WorkerMessage message = Next();
    if (message.has_offer() || message.kind_case() == v1::WorkerMessage::KIND_NOT_SET) {
      return message.offer();
    }
  }
}

void HubSession::WaitForSlots(uint32_t slots) {
  while (true) {
    const v1::WorkerMessage message = Next();
    if (message.status().slots() == slots ||
        message.kind_case() == v1::WorkerMessage::KIND_NOT_SET) {
      return;
    }
  }
}

bool HubSession::WaitUntilEnded() {
  const absl::Time deadline = absl::Now() + kWaitLimit;
  MutexLock lock(mutex_);
  while (!ended_ && absl::Now() < deadline) {
    changed_.WaitFor(mutex_, std::chrono::milliseconds(200));
  }
  return ended_;
}

void HubSession::Break() {
  MutexLock lock(mutex_);
  if (context_ != nullptr) context_->TryCancel();
}

void HubSession::ReadAll() {
  Stream* stream = nullptr;
  {
    MutexLock lock(mutex_);
    stream = stream_;
  }
  v1::WorkerMessage message;
  while (stream->Read(&message)) {
    MutexLock lock(mutex_);
    if (message.has_heartbeat()) {
      ++heartbeats_;
    } else {
      received_.push_back(std::move(message));
    }
    changed_.NotifyAll();
  }
  MutexLock lock(mutex_);
  context_ = nullptr;
  stream_ = nullptr;
  ended_ = true;
  changed_.NotifyAll();
}

FakeHub::FakeHub(int port, const std::string& host, const std::string& coordinator_id)
    : coordinator_id_(coordinator_id.empty() ? RandomId() : coordinator_id), host_(host) {
  grpc::ServerBuilder builder;
  SetServerDefaults(builder);
  builder.RegisterService(static_cast<v1::WorkerHub::Service*>(this));
  auto running =
      StartServer(builder, {host_, static_cast<uint16_t>(port)}, grpc::InsecureServerCredentials());
  MOA_CHECK(running.ok());
  port_ = running->address.port;
  server_ = std::move(running->server);
}

FakeHub::~FakeHub() { server_->Shutdown(std::chrono::system_clock::now()); }

std::string FakeHub::address() const { return absl::StrCat(host_, ":", port_); }

void FakeHub::set_coordinator_id(const std::string& id) {
  MutexLock lock(mutex_);
  coordinator_id_ = id;
}

std::shared_ptr<HubSession> FakeHub::NextSession() {
  std::shared_ptr<HubSession> session = NextSession(kWaitLimit);
  MOA_CHECK(session != nullptr);
  return session;
}

std::shared_ptr<HubSession> FakeHub::NextSession(absl::Duration limit) {
  const absl::Time deadline = absl::Now() + limit;
  MutexLock lock(mutex_);
  while (sessions_.empty()) {
    if (absl::Now() > deadline) return nullptr;
    changed_.WaitFor(mutex_, std::chrono::milliseconds(50));
  }
  std::shared_ptr<HubSession> session = std::move(sessions_.front());
  sessions_.pop_front();
  return session;
}

grpc::Status FakeHub::Connect(grpc::ServerContext* context, HubSession::Stream* stream) {
  // Owners: this call and the test.
  std::string id;
  {
    MutexLock lock(mutex_);
    id = coordinator_id_;
  }
  auto session = std::make_shared<HubSession>(*context, *stream, id);
  v1::WorkerMessage first;
  if (!stream->Read(&first)) return grpc::Status::OK;
  session->hello_ = first.hello();
  {
    MutexLock lock(mutex_);
    sessions_.push_back(session);
    changed_.NotifyAll();
  }
  session->ReadAll();
  return grpc::Status::OK;
}

}  // namespace moa::worker
