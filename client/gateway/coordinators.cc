#include "client/gateway/coordinators.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/lib/error_details.h"
#include "client/lib/moa_client.h"
#include "common/base/status_macros.h"
#include "common/net/address.h"
#include "common/net/grpc_defaults.h"

namespace moa::gateway {
namespace {

constexpr absl::Duration kPauseMax = absl::Seconds(2);

absl::Status Reworded(const absl::Status& status, absl::string_view message) {
  absl::Status reworded(status.code(), message);
  status.ForEachPayload(
      [&](absl::string_view url, const absl::Cord& payload) { reworded.SetPayload(url, payload); });
  return reworded;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Coordinators>> Coordinators::Create(Loop& loop,
                                                                   const Options& options) {
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials(options.tls));
  auto made = std::unique_ptr<Coordinators>(new Coordinators(loop, options));
  for (const std::string& text : options.addresses) {
    MOA_ASSIGN_OR_RETURN(const Address address, ParseAddress(text));
    grpc::ChannelArguments arguments = ChannelDefaults();
    // A name may stand for several coordinators: calls go to one after the other.
    if (!IsIpAddress(address.host)) arguments.SetLoadBalancingPolicyName("round_robin");
    auto channel = grpc::CreateCustomChannel(address.ToString(), credentials, arguments);
    auto stub = v1::MoaService::NewStub(channel);
    made->coordinators_.push_back(
        {.address = address.ToString(), .channel = std::move(channel), .stub = std::move(stub)});
  }
  if (made->coordinators_.empty()) {
    return absl::InvalidArgumentError("--coordinator: names no address");
  }
  return made;
}

void Coordinators::MoveOn(size_t failed) {
  if (current() == failed) ++turn_;
}

absl::Duration Coordinators::AttemptTimeout() const {
  // With several coordinators one that hangs leaves the time to ask another.
  const auto count = static_cast<int64_t>(coordinators_.size());
  return count == 1 ? options_.call_timeout : options_.call_timeout / (count + 1);
}

absl::Status Coordinators::Explained(const grpc::Status& status, size_t index) const {
  absl::Status converted = WithDetails(status);
  const std::string& address = coordinators_[index].address;
  if (converted.code() == absl::StatusCode::kUnavailable) {
    return Reworded(converted, absl::StrCat("coordinator ", address,
                                            " is not available: ", converted.message()));
  }
  if (converted.code() == absl::StatusCode::kDeadlineExceeded) {
    return Reworded(converted, absl::StrCat("coordinator ", address, " did not answer in time"));
  }
  return converted;
}

void Coordinators::Entered(grpc::ClientContext* context) { live_.insert(context); }

void Coordinators::Left(grpc::ClientContext* context) {
  live_.erase(context);
  if (closing_ && live_.empty()) TellIdle();
}

void Coordinators::TellIdle() {
  // Behind whatever this turn of the loop still does with the call that ended: Close is followed by destruction.
  loop_.Post([this] {
    MutexLock lock(mutex_);
    idle_ = true;
    idle_cond_.NotifyAll();
  });
}

void Coordinators::Begin(std::shared_ptr<Unary> call) {
  const absl::Time now = Loop::Now();
  call->deadline = now + options_.call_timeout;
  call->last_retry = std::min(call->deadline, now + options_.retry_for);
  Attempt(call);
}

void Coordinators::Attempt(const std::shared_ptr<Unary>& call) {
  if (closing_) return call->done(absl::UnavailableError("the gateway is shutting down"));
  const size_t index = current();
  ++call->tried;
  call->context = std::make_unique<grpc::ClientContext>();
  const absl::Duration patience = std::min(call->deadline - Loop::Now(), AttemptTimeout());
  call->context->set_deadline(absl::ToChronoTime(absl::Now() + patience));
  for (const auto& [name, value] : call->headers) call->context->AddMetadata(name, value);
  Entered(call->context.get());
  call->start(*coordinators_[index].stub->async(), call->context.get(),
              [this, call, index](const grpc::Status& status) {
                loop_.Post([this, call, index, status] { OnAttempt(call, index, status); });
              });
}

void Coordinators::OnAttempt(const std::shared_ptr<Unary>& call, size_t index,
                             const grpc::Status& status) {
  Left(call->context.get());
  if (status.ok()) return call->done(absl::OkStatus());
  const absl::Status explained = Explained(status, index);
  const bool unanswered =
      status.error_code() == grpc::StatusCode::UNAVAILABLE ||
      (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && coordinators_.size() > 1);
  const absl::Time now = Loop::Now();
  if (!unanswered || closing_ || now >= call->last_retry) return call->done(explained);
  MoveOn(index);
  // Each of the others is asked at once.
  if (call->tried % coordinators_.size() != 0) return Attempt(call);
  absl::Duration pause = call->pause;
  call->pause = std::min(call->pause * 2, kPauseMax);
  if (const auto hint = RetryDelayOf(explained)) pause = std::max(pause, *hint);
  // Somebody must ask for the connection meanwhile.
  coordinators_[current()].channel->GetState(true);
  paused_.insert(call);
  call->timer = loop_.CallAt(std::min(now + pause, call->last_retry), [this, call] {
    paused_.erase(call);
    Attempt(call);
  });
}

absl::Status Coordinators::Reachable() {
  for (const Coordinator& coordinator : coordinators_) {
    const grpc_connectivity_state state = coordinator.channel->GetState(true);
    if (state == GRPC_CHANNEL_READY) {
      reached_ = true;
      return absl::OkStatus();
    }
    // For want of calls. Where nobody has been reached yet it says nothing.
    if (state == GRPC_CHANNEL_IDLE && reached_) return absl::OkStatus();
  }
  loop_.Post([this] { Connect(); });
  return absl::UnavailableError("no coordinator is reachable");
}

void Coordinators::Connect() {
  if (connecting_ || closing_) return;
  connecting_ = true;
  Call<v1::ListModelsRequest, v1::ListModelsResponse>(
      &Methods::ListModels, {}, {},
      [this](const absl::StatusOr<v1::ListModelsResponse>&) { connecting_ = false; });
}

void Coordinators::Close() {
  loop_.Post([this] {
    closing_ = true;
    for (grpc::ClientContext* context : live_) context->TryCancel();
    for (const std::shared_ptr<Unary>& call : std::exchange(paused_, {})) {
      loop_.CancelTimer(call->timer);
      Attempt(call);
    }
    if (live_.empty()) TellIdle();
  });
  MutexLock lock(mutex_);
  while (!idle_) idle_cond_.Wait(mutex_);
}

}  // namespace moa::gateway
