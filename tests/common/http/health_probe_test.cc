#include "common/http/health_probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/http/http_server.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// /healthz is well, /readyz is not.
class HealthProbeTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = HttpServer::Start(
        {.listen = "127.0.0.1:0"}, [](const HttpRequest& request, auto responder) {
          const bool well = request.path == "/healthz";
          responder.Send(HttpResponse(well ? 200 : 503, "text/plain", "the disk is full\n"));
        });
    ASSERT_OK(server.status());
    server_ = *std::move(server);
  }

  std::unique_ptr<HttpServer> server_;
};

TEST_F(HealthProbeTest, ATwoHundredIsWell) {
  EXPECT_OK(ProbeHealth(absl::StrCat(server_->address(), "/healthz")));
  EXPECT_EQ(RunHealthProbe("moa-test", absl::StrCat(server_->address(), "/healthz")), 0);
}

TEST_F(HealthProbeTest, ReadinessIsAskedUnlessThePathSaysOtherwiseAndTheReasonIsTold) {
  EXPECT_THAT(ProbeHealth(server_->address()),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("/readyz"), HasSubstr("503"), HasSubstr("disk is full"))));
  testing::internal::CaptureStderr();
  EXPECT_EQ(RunHealthProbe("moa-test", server_->address()), 1);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("moa-test: --health: http://"));
}

TEST_F(HealthProbeTest, WhereNobodyListensIsNotWell) {
  const std::string address = server_->address();
  server_.reset();
  EXPECT_THAT(ProbeHealth(address), StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST_F(HealthProbeTest, AProxyOfTheEnvironmentIsNotAsked) {
  setenv("http_proxy", "http://127.0.0.1:1", 1);
  EXPECT_OK(ProbeHealth(absl::StrCat(server_->address(), "/healthz")));
  unsetenv("http_proxy");
}

TEST(HealthProbeTargetTest, WhatIsNoTargetIsSaid) {
  for (const char* target : {"", "9464", "127.0.0.1", "127.0.0.1:9464/metrics", "127.0.0.1:9464/",
                             "http://127.0.0.1:9464", "127.0.0.1:99999"}) {
    SCOPED_TRACE(target);
    EXPECT_EQ(ProbeHealth(target).code(), absl::StatusCode::kInvalidArgument);
    testing::internal::CaptureStderr();
    EXPECT_EQ(RunHealthProbe("moa-test", target), 2);
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("--health"));
  }
}

}  // namespace
}  // namespace moa
