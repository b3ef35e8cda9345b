#include "common/net/grpc_defaults.h"

#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>

#include "common/base/status_matchers.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa {
namespace {

using testing::HasSubstr;

class EmptyService : public v1::WorkerHub::CallbackService {};

absl::StatusOr<RunningServer> StartOn(EmptyService& service, const Address& address) {
  grpc::ServerBuilder builder;
  SetServerDefaults(builder);
  builder.RegisterService(&service);
  return StartServer(builder, address, grpc::InsecureServerCredentials());
}

TEST(GrpcDefaultsTest, ReportsThePortThatWasBound) {
  EmptyService service;
  ASSERT_OK_AND_ASSIGN(const RunningServer running, StartOn(service, {"127.0.0.1", 0}));
  EXPECT_NE(running.address.port, 0);
  EXPECT_EQ(running.address.host, "127.0.0.1");
}

// gRPC's own default (SO_REUSEPORT) lets both start, and the kernel then deals connections to either.
TEST(GrpcDefaultsTest, ATakenPortIsAnErrorThatNamesTheAddress) {
  EmptyService first;
  EmptyService second;
  ASSERT_OK_AND_ASSIGN(const RunningServer running, StartOn(first, {"127.0.0.1", 0}));
  EXPECT_THAT(StartOn(second, running.address),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(running.address.ToString())));
}

}  // namespace
}  // namespace moa
