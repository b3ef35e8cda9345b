#include "coordinator/rpc/peers.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "common/net/grpc_defaults.h"

namespace moa {
namespace {

constexpr char kMark[] = "moa-forwarded";
// A peer that hangs must not hold a request for longer, whatever the client's patience.
constexpr std::chrono::seconds kPeerPatience(10);

}  // namespace

Peers::Peers(std::shared_ptr<grpc::ChannelCredentials> credentials)
    : credentials_(std::move(credentials)) {}

v1::MoaService::Stub& Peers::At(const std::string& address) {
  MutexLock lock(mutex_);
  std::unique_ptr<v1::MoaService::Stub>& stub = stubs_[address];
  if (stub == nullptr) {
    stub = v1::MoaService::NewStub(
        grpc::CreateCustomChannel(address, credentials_, ChannelDefaults()));
  }
  return *stub;
}

void Peers::Mark(grpc::ClientContext* to) { to->AddMetadata(kMark, "1"); }

void Peers::Mark(const grpc::CallbackServerContext& from, grpc::ClientContext* to) {
  Mark(to);
  to->set_deadline(std::min(from.deadline(), std::chrono::system_clock::now() + kPeerPatience));
}

bool Peers::IsMarked(const grpc::CallbackServerContext& context) {
  return context.client_metadata().count(kMark) > 0;
}

}  // namespace moa
