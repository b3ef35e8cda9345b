#include "client/lib/admin_client.h"

#include <grpcpp/create_channel.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/lib/error_details.h"
#include "common/base/status_macros.h"
#include "common/net/address.h"
#include "common/net/grpc_defaults.h"
#include "common/net/tls.h"
#include "moa/v1/admin.grpc.pb.h"

namespace moa {

struct AdminClient::State {
  std::vector<std::unique_ptr<v1::AdminService::Stub>> stubs;
  std::string addresses;

  // `call` is a function of the stub and the context.
  template <typename Call>
  absl::Status Ask(const Call& call) const {
    absl::Status status;
    for (const auto& stub : stubs) {
      grpc::ClientContext context;
      status = WithDetails(call(*stub, context));
      if (!absl::IsUnavailable(status)) return status;
    }
    return absl::UnavailableError(
        absl::StrCat("coordinator ", addresses, " is not available: ", status.message()));
  }
};

AdminClient::AdminClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
AdminClient::~AdminClient() = default;

absl::StatusOr<std::unique_ptr<AdminClient>> AdminClient::Connect(const ClientOptions& options) {
  MOA_ASSIGN_OR_RETURN(const std::shared_ptr<grpc::ChannelCredentials> credentials,
                       MakeChannelCredentials({options.tls_ca, options.tls_cert, options.tls_key}));
  auto state = std::make_unique<State>();
  state->addresses = options.address;
  for (const absl::string_view text : absl::StrSplit(options.address, ',')) {
    MOA_ASSIGN_OR_RETURN(const Address address, ParseAddress(text));
    state->stubs.push_back(v1::AdminService::NewStub(
        grpc::CreateCustomChannel(address.ToString(), credentials, ChannelDefaults())));
  }
  return std::unique_ptr<AdminClient>(new AdminClient(std::move(state)));
}

absl::StatusOr<v1::StoreStatus> AdminClient::GetStatus() {
  v1::StoreStatus response;
  MOA_RETURN_IF_ERROR(state_->Ask([&](v1::AdminService::Stub& stub, grpc::ClientContext& context) {
    return stub.GetStoreStatus(&context, v1::GetStoreStatusRequest(), &response);
  }));
  return response;
}

absl::Status AdminClient::Check(
    const std::function<void(const v1::CheckStoreProgress&)>& on_progress) {
  return state_->Ask([&](v1::AdminService::Stub& stub, grpc::ClientContext& context) {
    const auto reader = stub.CheckStore(&context, v1::CheckStoreRequest());
    v1::CheckStoreProgress progress;
    while (reader->Read(&progress)) on_progress(progress);
    return reader->Finish();
  });
}

absl::StatusOr<uint64_t> AdminClient::Prune(absl::Time ended_before, bool dry_run) {
  v1::PruneJobsRequest request;
  const int64_t seconds = absl::ToUnixSeconds(ended_before);
  request.mutable_ended_before()->set_seconds(seconds);
  request.mutable_ended_before()->set_nanos(static_cast<int32_t>(
      absl::ToInt64Nanoseconds(ended_before - absl::FromUnixSeconds(seconds))));
  request.set_dry_run(dry_run);
  v1::PruneJobsResponse response;
  MOA_RETURN_IF_ERROR(state_->Ask([&](v1::AdminService::Stub& stub, grpc::ClientContext& context) {
    return stub.PruneJobs(&context, request, &response);
  }));
  return response.jobs();
}

absl::StatusOr<uint64_t> AdminClient::Backup(const std::string& path) {
  v1::BackupStoreRequest request;
  request.set_path(path);
  v1::BackupStoreResponse response;
  MOA_RETURN_IF_ERROR(state_->Ask([&](v1::AdminService::Stub& stub, grpc::ClientContext& context) {
    return stub.BackupStore(&context, request, &response);
  }));
  return response.bytes();
}

}  // namespace moa
