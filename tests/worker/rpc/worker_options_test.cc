#include "worker/rpc/worker_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace moa::worker {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::internal::CaptureStderr;
using testing::internal::GetCapturedStderr;

class WorkerOptionsTest : public testing::Test {
 protected:
  WorkerOptionsTest() {
    unsetenv("CEREBRAS_API_KEY");
    unsetenv("CEREBRAS_BASE_URL");
  }
  ~WorkerOptionsTest() override {
    unsetenv("CEREBRAS_API_KEY");
    unsetenv("CEREBRAS_BASE_URL");
  }

  std::optional<int> Parse(std::vector<const char*> args) {
    args.insert(args.begin(), "moa-worker");
    return ParseWorkerOptions(static_cast<int>(args.size()), args.data(), &options_);
  }

  WorkerOptions options_;
};

TEST_F(WorkerOptionsTest, TheProvidersOwnAddressNeedsAKey) {
  CaptureStderr();
  EXPECT_EQ(Parse({}), 2);
  EXPECT_THAT(GetCapturedStderr(), AllOf(HasSubstr("no API key"), HasSubstr("CEREBRAS_API_KEY"),
                                         HasSubstr("cerebras-sim")));
  setenv("CEREBRAS_API_KEY", "csk-x", 1);
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(options_.api_key, "csk-x");
}

TEST_F(WorkerOptionsTest, AnotherAddressNeedsNone) {
  setenv("CEREBRAS_BASE_URL", "http://127.0.0.1:8181", 1);
  EXPECT_EQ(Parse({}), std::nullopt);
  EXPECT_EQ(options_.base_url, "http://127.0.0.1:8181");
  EXPECT_EQ(Parse({"--base-url=http://127.0.0.1:9"}), std::nullopt);
  EXPECT_EQ(options_.base_url, "http://127.0.0.1:9");
}

TEST_F(WorkerOptionsTest, EveryCoordinatorGetsASlot) {
  CaptureStderr();
  EXPECT_EQ(Parse({"--base-url=http://x", "--slots=1", "--coordinator=a:1,b:2"}), 2);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("--slots"));
  EXPECT_EQ(Parse({"--base-url=http://x", "--slots=2", "--coordinator=a:1,b:2"}), std::nullopt);
  EXPECT_THAT(options_.coordinators, ElementsAre("a:1", "b:2"));
}

TEST_F(WorkerOptionsTest, BadValuesEndWithStatusTwoAndTheFlagsName) {
  CaptureStderr();
  EXPECT_EQ(Parse({"--slots=-1"}), 2);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("--slots"));
  CaptureStderr();
  EXPECT_EQ(Parse({"--api-key=secret"}), 2) << "a key on the command line would show in ps";
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("--api-key"));
}

TEST_F(WorkerOptionsTest, AWorkerThatOnlyGradesNeedsNoKeyAndOneThatDoesNothingIsRefused) {
  EXPECT_EQ(Parse({"--slots=0", "--grading-slots=3", "--python=/opt/python3"}), std::nullopt);
  EXPECT_EQ(options_.grading_slots, 3);
  EXPECT_EQ(options_.python, "/opt/python3");
  CaptureStderr();
  EXPECT_EQ(Parse({"--slots=0", "--grading-slots=0"}), 2);
  EXPECT_THAT(GetCapturedStderr(), HasSubstr("would do nothing"));
}

TEST_F(WorkerOptionsTest, TheTransportsFlagsArrive) {
  EXPECT_EQ(Parse({"--base-url=http://x", "--provider=llama.cpp", "--prompt-cache-key",
                   "--gzip-requests-above=0", "--warm-connections=0", "--streams-per-connection=8",
                   "--upstream-connections=3"}),
            std::nullopt);
  EXPECT_EQ(options_.provider, "llama.cpp");
  EXPECT_TRUE(options_.prompt_cache_key);
  EXPECT_EQ(options_.gzip_requests_above, 0);
  EXPECT_EQ(options_.warm_connections, 0);
  EXPECT_EQ(options_.streams_per_connection, 8);
  EXPECT_EQ(options_.upstream_connections, 3);
  CaptureStderr();
  EXPECT_EQ(Parse({"--base-url=http://x", "--provider=nobody"}), 2);
  EXPECT_THAT(GetCapturedStderr(), AllOf(HasSubstr("--provider"), HasSubstr("vllm")));
}

TEST_F(WorkerOptionsTest, ANameIsMadeUpWhenNoneIsGiven) {
  EXPECT_EQ(Parse({"--base-url=http://x"}), std::nullopt);
  EXPECT_FALSE(options_.name.empty());
}

}  // namespace
}  // namespace moa::worker
