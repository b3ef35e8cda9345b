#include "tests/chaos/coordinator_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <stdexcept>

#include "absl/time/clock.h"
#include "common/net/grpc_defaults.h"
#include "common/net/status_convert.h"

namespace moa::chaos {

CoordinatorClient::CoordinatorClient(const std::string& address) {
  // It is the caller that goes elsewhere, so nothing is retried here.
  absl::StatusOr<std::unique_ptr<Client>> client =
      Client::Connect({.address = address, .call_timeout = kPatience, .retry_for = {}});
  if (!client.ok()) throw std::runtime_error(client.status().ToString());
  client_ = *std::move(client);
  channel_ =
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), ChannelDefaults());
  stub_ = v1::MoaService::NewStub(channel_);
}

void CoordinatorClient::Pause() {
  constexpr absl::Duration kLeast = absl::Milliseconds(30);
  constexpr absl::Duration kMost = absl::Milliseconds(200);
  absl::SleepFor(kLeast);
  channel_->WaitForConnected(absl::ToChronoTime(absl::Now() + kMost));
}

absl::Status CoordinatorClient::Watch(
    const std::string& id, uint64_t after_sequence, bool progress,
    const std::function<void(const v1::WatchUpdate&)>& on_update) {
  v1::WatchJobRequest request;
  request.set_job_id(id);
  request.set_after_sequence(after_sequence);
  request.set_progress(progress);
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(absl::Now() + kPatience));
  const auto reader = stub_->WatchJob(&context, request);
  v1::WatchJobResponse response;
  while (reader->Read(&response)) {
    for (const v1::WatchUpdate& update : response.updates()) on_update(update);
  }
  return FromGrpcStatus(reader->Finish());
}

}  // namespace moa::chaos
