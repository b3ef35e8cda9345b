#include "client/lib/health_check.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <future>
#include <string>
#include <vector>

namespace moa {
namespace {

// HealthCheckResponse{status: SERVING}: field 1, a varint, value 1.
constexpr char kServing[] = {0x08, 0x01};

std::string Bytes(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

grpc::Status CheckHealth(const std::shared_ptr<grpc::Channel>& channel,
                         grpc::ClientContext& context) {
  grpc::GenericStub stub(channel);
  const grpc::Slice empty("");  // HealthCheckRequest{}: the server as a whole
  const grpc::ByteBuffer request(&empty, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request, &response,
                 [&](grpc::Status status) { done.set_value(std::move(status)); });
  grpc::Status status = done.get_future().get();
  if (status.ok() && Bytes(response) != std::string(kServing, sizeof(kServing))) {
    return {grpc::StatusCode::UNAVAILABLE, "the coordinator says that it does not serve now"};
  }
  return status;
}

}  // namespace moa
