// A name that stands for several coordinators, as a headless service does.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/lib/moa_client.h"
#include "common/base/status_matchers.h"
#include "tests/client/lib/fake_coordinator.h"

namespace moa {
namespace {

// /etc/hosts as this test and the threads that it starts see it. False where that is not allowed.
bool UseHosts(const std::string& text) {
  if (unshare(CLONE_NEWNS) != 0) return false;
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  const std::string path = absl::StrCat(testing::TempDir(), "hosts.", getpid());
  std::ofstream(path) << text;
  const bool mounted = mount(path.c_str(), "/etc/hosts", nullptr, MS_BIND, nullptr) == 0;
  unlink(path.c_str());
  return mounted;
}

TEST(ClientNamesTest, WhileOneCoordinatorOfANameShutsDownAnotherAnswers) {
  if (!UseHosts("127.0.0.1 localhost coordinators.test\n127.0.0.2 coordinators.test\n")) {
    GTEST_SKIP() << "this needs the right to mount a file over /etc/hosts";
  }
  FakeCoordinator leaving, staying;
  leaving.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse*) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "this coordinator is shutting down");
  };
  staying.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
    response->set_job_id("J1");
    return grpc::Status::OK;
  };
  leaving.Start(0, "127.0.0.1");
  staying.Start(leaving.port(), "127.0.0.2");
  ClientOptions options;
  options.address = absl::StrCat("coordinators.test:", leaving.port());
  options.retry_for = absl::Seconds(60);
  ASSERT_OK_AND_ASSIGN(const auto client, Client::Connect(options));
  v1::JobSpec job;
  job.set_preset("moa");
  for (int i = 0; i < 10; ++i) {
    ASSERT_OK_AND_ASSIGN(const v1::SubmitJobResponse response, client->Submit(job));
    EXPECT_EQ(response.job_id(), "J1");
  }
  // Both were asked, and each job under one key.
  EXPECT_GT(leaving.submitted().size(), 0u);
  EXPECT_GE(staying.submitted().size(), 10u);
}

}  // namespace
}  // namespace moa
