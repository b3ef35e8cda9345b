#include "coordinator/rpc/health_states.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

enum class State { kUnknown, kServing, kNotServing };

// A server with gRPC's own health service, asked as a probe asks it.
class HealthStatesTest : public testing::Test {
 protected:
  void SetUp() override {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&any_);  // a server wants a service
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
    states_ = std::make_unique<HealthStates>(*server_->GetHealthCheckService(), [this] {
      return ready_ ? absl::OkStatus() : absl::UnavailableError("the disk is full");
    });
  }

  void TearDown() override {
    states_.reset();
    if (server_ != nullptr) server_->Shutdown();
  }

  // HealthCheckRequest{service}: field 1, a string; HealthCheckResponse{status}: field 1, a varint.
  State Ask(const std::string& service) {
    std::string bytes;
    if (!service.empty())
      bytes = absl::StrCat("\x0a", std::string(1, static_cast<char>(service.size())), service);
    const grpc::Slice slice(bytes);
    const grpc::ByteBuffer request(&slice, 1);
    grpc::ByteBuffer response;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    grpc::GenericStub stub(channel_);
    std::promise<grpc::Status> done;
    stub.UnaryCall(&context, "/grpc.health.v1.Health/Check", grpc::StubOptions(), &request,
                   &response, [&](grpc::Status status) { done.set_value(std::move(status)); });
    if (!done.get_future().get().ok()) return State::kUnknown;
    grpc::Slice answer;
    if (!response.DumpToSingleSlice(&answer).ok() || answer.size() != 2) return State::kUnknown;
    return answer.begin()[1] == 1 ? State::kServing : State::kNotServing;
  }

  void WaitFor(const std::string& service, State state) {
    for (int i = 0; i < 600 && Ask(service) != state; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    EXPECT_EQ(Ask(service), state);
  }

  std::atomic<bool> ready_{true};
  grpc::CallbackGenericService any_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<HealthStates> states_;
};

TEST_F(HealthStatesTest, LivenessDoesNotFollowReadiness) {
  EXPECT_EQ(Ask("liveness"), State::kServing);
  EXPECT_EQ(Ask("readiness"), State::kServing);
  EXPECT_EQ(Ask("nobody"), State::kUnknown);
  ready_ = false;
  WaitFor("readiness", State::kNotServing);
  EXPECT_EQ(Ask("liveness"), State::kServing);
  EXPECT_EQ(Ask(""), State::kServing);
  ready_ = true;
  WaitFor("readiness", State::kServing);
}

TEST_F(HealthStatesTest, WhatDrainsIsAliveAndNothingElse) {
  states_->Drain();
  EXPECT_EQ(Ask("readiness"), State::kNotServing);
  EXPECT_EQ(Ask(""), State::kNotServing);
  EXPECT_EQ(Ask("liveness"), State::kServing);
}

}  // namespace
}  // namespace moa
