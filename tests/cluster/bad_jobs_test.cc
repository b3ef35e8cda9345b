#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;

// Coordinator and simulator, no worker: nothing of what is refused here may need one.
class BadJobsTest : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartSimulator();
    cluster_.StartCoordinator();
  }
  CommandResult Submit(absl::string_view text, const Args& args = {}) {
    Args all = {"submit", "-f", cluster_.JobFile("job.yaml", text)};
    all.insert(all.end(), args.begin(), args.end());
    return cluster_.Moactl(all);
  }

  MiniCluster cluster_;
};

// Mistakes that only the coordinator can see, all at once, each with the line of the file.
TEST_F(BadJobsTest, EveryMistakeIsReportedAtOnceWithLineAndPath) {
  const CommandResult result = Submit(R"(prompt: "x"
moa:
  layers:
    - agents:
        - {name: a, model: no-such-model}
        - {name: a, model: gpt-oss-120b, temperature: 3}
  aggregator: {model: nor-this-one}
)");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("job.yaml:5"));
  EXPECT_THAT(result.err, HasSubstr("moa.layers[0].agents[0].model"));
  EXPECT_THAT(result.err, HasSubstr("no-such-model"));
  EXPECT_THAT(result.err, HasSubstr("job.yaml:6"));
  EXPECT_THAT(result.err, HasSubstr("moa.layers[0].agents[1].temperature"));
  EXPECT_THAT(result.err, HasSubstr("moa.layers[0].agents[1].name"));
  EXPECT_THAT(result.err, HasSubstr("job.yaml:7"));
  EXPECT_THAT(result.err, HasSubstr("nor-this-one"));
}

TEST_F(BadJobsTest, UnknownFieldIsRefusedWithItsLine) {
  const CommandResult result = Submit("prompt: x\npreset: moa\ntemprature: 1\n");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("job.yaml:3"));
  EXPECT_THAT(result.err, HasSubstr("temprature"));
}

TEST_F(BadJobsTest, EmptyPromptIsRefused) {
  const CommandResult result = Submit("prompt: \"\"\npreset: moa\n");
  EXPECT_EQ(result.status, 2);
  EXPECT_THAT(result.err, HasSubstr("prompt"));
  EXPECT_EQ(Submit("preset: moa\n").status, 2);
}

// Ten thousand agents: refused in words that name the limit, quickly, and the coordinator goes on.
TEST_F(BadJobsTest, TenThousandAgentsAreRefusedWithTheLimit) {
  std::string job =
      "prompt: x\nmoa:\n  aggregator: {model: gpt-oss-120b}\n  layers:\n    - agents:\n";
  for (int i = 0; i < 10'000; ++i) {
    absl::StrAppend(&job, "        - {name: a", i, ", model: gpt-oss-120b}\n");
  }
  const CommandResult result = Submit(job);
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_THAT(result.err, HasSubstr("moa.layers[0].agents"));
  EXPECT_THAT(result.err, HasSubstr("256"));
  EXPECT_TRUE(cluster_.coordinator().Running());
}

TEST_F(BadJobsTest, FileThatIsNoJobFileIsRefused) {
  EXPECT_EQ(Submit("- just\n- a list\n").status, 2);
  EXPECT_EQ(Submit("prompt: [unclosed\n").status, 2);
  EXPECT_EQ(Submit(std::string("\0\0\0\0", 4)).status, 2);
  const CommandResult missing = cluster_.Moactl({"submit", "-f", cluster_.Path("not-there.yaml")});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("not-there.yaml"));
}

TEST_F(BadJobsTest, UnknownJobAndWrongUseAreUsageErrors) {
  for (const char* id : {"no-such-job", "01M80ACM4VJYZEZPNA75Y2MCHB"}) {
    const CommandResult unknown = cluster_.Moactl({"get", id});
    EXPECT_EQ(unknown.status, 2);
    EXPECT_THAT(unknown.err, testing::AnyOf(HasSubstr("no such job"), HasSubstr("no job")));
  }
  EXPECT_EQ(cluster_.Moactl({"frobnicate"}).status, 2);
  EXPECT_EQ(cluster_.Moactl({"submit", "--no-such-flag"}).status, 2);
  EXPECT_EQ(cluster_.Moactl({"submit"}).status, 2);
}

// Five MiB of prompt pass through the whole system. The model's window is smaller, so the provider
// refuses: the job fails at once with that reason, and is not tried again.
TEST_F(BadJobsTest, FiveMebibytesOfPromptAreCarriedAndRefusedByTheProviderOnce) {
  cluster_.StartWorker();
  cluster_.WaitForWorkers(1);
  const std::string prompt = cluster_.JobFile("prompt.txt", std::string(5 << 20, 'a'));
  const JobView job =
      cluster_.Run(cluster_.JobFile("a.yaml", kSingleCallJob), {"--prompt-file", prompt});
  EXPECT_EQ(job.state, "FAILED");
  EXPECT_THAT(job.error_code, HasSubstr("CONTEXT_LENGTH_EXCEEDED")) << job.error_message;
  EXPECT_EQ(cluster_.UpstreamCalls(), 1);
  EXPECT_EQ(cluster_.Run(cluster_.JobFile("b.yaml", kSingleCallJob)).state, "SUCCEEDED");
}

// Beyond the job's bound on text it is not accepted at all.
TEST_F(BadJobsTest, PromptBeyondTheLimitIsRefused) {
  const std::string prompt = cluster_.JobFile("prompt.txt", std::string(40 << 20, 'a'));
  const CommandResult result = Submit(kSingleCallJob, {"--prompt-file", prompt});
  EXPECT_EQ(result.status, 2) << result.err;
  EXPECT_TRUE(cluster_.coordinator().Running());
}

}  // namespace
}  // namespace moa::cluster
