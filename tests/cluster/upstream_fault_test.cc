#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

Args WithFault(absl::string_view fault) {
  return {"--time-scale", "0", "--fault", std::string(fault)};
}

// A fault that passes: the job succeeds after `calls` calls.
struct PassingFault {
  const char* name;
  const char* fault;
  int calls;
  friend void PrintTo(const PassingFault& one, std::ostream* os) { *os << one.fault; }
};

std::string NameOf(const testing::TestParamInfo<PassingFault>& info) { return info.param.name; }

class PassingFaultTest : public testing::TestWithParam<PassingFault> {
 protected:
  MiniCluster cluster_;
};

TEST_P(PassingFaultTest, JobSucceedsAllTheSame) {
  cluster_.StartAll(1, WithFault(GetParam().fault));
  const JobView job = cluster_.Run(cluster_.JobFile("a.yaml", kSingleCallJob));
  EXPECT_EQ(job.state, "SUCCEEDED") << job.error_code << ": " << job.error_message;
  EXPECT_FALSE(job.answer.empty());
  EXPECT_EQ(cluster_.UpstreamCalls(), GetParam().calls);
}

INSTANTIATE_TEST_SUITE_P(
    Retried, PassingFaultTest,
    testing::Values(PassingFault{"Unavailable", "status=503,first=1", 2},
                    PassingFault{"HtmlError", "status=500:html,first=1", 2},
                    PassingFault{"Busy", "status=429:queue,first=1,retry-after=0", 2},
                    PassingFault{"RateLimit", "status=429,first=1,retry-after=0", 2},
                    PassingFault{"Reset", "reset,first=1", 2},
                    PassingFault{"ResetStream", "reset-stream,first=1", 2},
                    PassingFault{"Truncated", "truncate,first=1", 2},
                    PassingFault{"ErrorEvent", "error-event,first=1", 2},
                    PassingFault{"WebPage", "html,first=1", 2},
                    PassingFault{"BrokenJson", "broken-json,first=1", 2}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Harmless, PassingFaultTest,
    testing::Values(PassingFault{"SplitCharacters", "split-utf8", 1},
                    PassingFault{"SplitLines", "split-lines", 1}, PassingFault{"Crlf", "crlf", 1},
                    PassingFault{"Comments", "comments", 1},
                    PassingFault{"NoRateLimitHeaders", "no-ratelimit-headers", 1},
                    PassingFault{"UsageChunk", "usage-chunk", 1},
                    PassingFault{"InvalidUtf8", "invalid-utf8", 1},
                    PassingFault{"ContentAndReasoning", "content-and-reasoning", 1},
                    PassingFault{"Slow", "slow=300ms", 1}),
    NameOf);

class UpstreamFaultTest : public testing::Test {
 protected:
  MiniCluster cluster_;
};

// A wrong key fails every call at once and for good: no call is tried twice, and the job says why.
TEST_F(UpstreamFaultTest, WrongKeyFailsFastAndIsNotRetried) {
  cluster_.StartSimulator({"--time-scale", "0", "--api-key", "the-right-key"});
  cluster_.StartCoordinator();
  cluster_.StartWorker("worker", {}, {{"CEREBRAS_API_KEY", "a-wrong-key"}});
  cluster_.WaitForWorkers(1);

  const JobView single = cluster_.Run(cluster_.JobFile("a.yaml", kSingleCallJob));
  EXPECT_EQ(single.state, "FAILED");
  EXPECT_THAT(single.error_code, HasSubstr("UNAUTHORIZED"));
  EXPECT_EQ(cluster_.UpstreamCalls(), 1);

  const JobView job = cluster_.Run(cluster_.JobFile("b.yaml", kWorkshopJob));
  EXPECT_EQ(job.state, "FAILED");
  EXPECT_LE(cluster_.UpstreamCalls(), 1 + 7);
  // The key itself is nobody's business.
  EXPECT_THAT(cluster_.process("worker").Log(), testing::Not(HasSubstr("a-wrong-key")));
}

// An API that never answers, or stops in the middle, is given up when the job's time is over.
TEST_F(UpstreamFaultTest, HangingApiEndsTheJobAtItsDeadline) {
  for (const char* fault : {"hang", "hang-stream"}) {
    cluster_.StartAll(1, WithFault(fault));
    const std::string file =
        cluster_.JobFile("a.yaml", absl::StrCat(kSingleCallJob, "deadline: 1500ms\n"));
    const JobView job = cluster_.Run(file);
    EXPECT_EQ(job.state, "FAILED") << fault;
    EXPECT_THAT(job.error_code, HasSubstr("DEADLINE_EXCEEDED")) << fault;
    EXPECT_LE(cluster_.UpstreamCalls(), 2) << fault;
    cluster_.process("worker-1").Kill();
  }
}

// An API that fails every time is tried a bounded number of times.
TEST_F(UpstreamFaultTest, LastingServerErrorEndsAfterBoundedRetries) {
  cluster_.StartAll(1, WithFault("status=500"));
  const JobView job = cluster_.Run(cluster_.JobFile("a.yaml", kSingleCallJob));
  EXPECT_EQ(job.state, "FAILED");
  EXPECT_THAT(job.error_code, HasSubstr("SERVER_ERROR"));
  EXPECT_GE(cluster_.UpstreamCalls(), 2);
  EXPECT_LE(cluster_.UpstreamCalls(), 10);
}

TEST_F(UpstreamFaultTest, ErrorsThatWillNotPassAreNotRetried) {
  const std::pair<const char*, const char*> cases[] = {{"status=402", "PAYMENT_REQUIRED"},
                                                       {"status=404", "MODEL_NOT_FOUND"},
                                                       {"status=400", "INVALID_REQUEST"}};
  for (const auto& [fault, code] : cases) {
    cluster_.StartAll(1, WithFault(fault));
    const JobView job = cluster_.Run(cluster_.JobFile("a.yaml", kSingleCallJob));
    EXPECT_EQ(job.state, "FAILED") << fault;
    EXPECT_THAT(job.error_code, HasSubstr(code)) << fault;
    EXPECT_EQ(cluster_.UpstreamCalls(), 1) << fault;
    cluster_.process("worker-1").Kill();
  }
}

// An agent that cannot answer is left out: its error text reaches nobody, the others' answers do,
// and the job says that it is degraded.
TEST_F(UpstreamFaultTest, LostAgentDegradesTheJobAndItsErrorIsNoReference) {
  cluster_.StartAll(1, WithFault("status=400,model=qwen-3.8-27b"));
  const JobView job = cluster_.Run(cluster_.JobFile("a.yaml", kWorkshopJob));
  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_TRUE(job.degraded);
  ASSERT_THAT(job.layers, SizeIs(3));
  const auto& agents = job.layers[1].agents;
  ASSERT_THAT(agents, SizeIs(3));
  EXPECT_EQ(agents[1].state, "FAILED");
  EXPECT_THAT(SawOf(job.answer),
              ElementsAre(DigestOf(agents[0].content), DigestOf(agents[2].content)));
}

}  // namespace
}  // namespace moa::cluster
