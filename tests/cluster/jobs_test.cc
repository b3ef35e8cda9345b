#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class JobsTest : public testing::Test {
 protected:
  MiniCluster cluster_;
};

// The simulator's tags prove what reached whom: nobody saw anything in round 1, every agent of
// round 2 saw exactly the three answers of round 1 in order, and the aggregator those of round 2
// and no others.
TEST_F(JobsTest, EachRoundSeesExactlyTheAnswersOfTheOneBefore) {
  cluster_.StartAll(2);
  const JobView job = cluster_.Run(cluster_.JobFile("a.yaml", kWorkshopJob));

  ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
  EXPECT_FALSE(job.degraded);
  ASSERT_THAT(job.layers, SizeIs(3));
  ASSERT_THAT(job.layers[0].agents, SizeIs(3));
  ASSERT_THAT(job.layers[1].agents, SizeIs(3));
  ASSERT_THAT(job.layers[2].agents, SizeIs(1));
  for (const AgentView& agent : job.layers[0].agents) EXPECT_THAT(SawOf(agent.content), IsEmpty());
  for (const AgentView& agent : job.layers[1].agents) {
    EXPECT_THAT(SawOf(agent.content), ElementsAreArray(DigestsOf(job.layers[0]))) << agent.agent;
  }
  EXPECT_THAT(SawOf(job.answer), ElementsAreArray(DigestsOf(job.layers[1])));
  EXPECT_EQ(job.upstream_calls, 7);
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);
}

// The same key and the same job: the first job again, nothing is called twice. The same key and
// another job: refused.
TEST_F(JobsTest, IdempotencyKeyUsedTwiceGivesTheFirstJob) {
  cluster_.StartAll();
  const std::string file = cluster_.JobFile("a.yaml", kWorkshopJob);
  const JobView first = cluster_.Run(file, {"--idempotency-key", "k1"});
  const JobView second = cluster_.Run(file, {"--idempotency-key", "k1"});
  EXPECT_EQ(first.job_id, second.job_id);
  EXPECT_EQ(first.answer, second.answer);
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);

  const CommandResult other = cluster_.Moactl(
      {"submit", "-f", cluster_.JobFile("b.yaml", kSingleCallJob), "--idempotency-key", "k1"});
  EXPECT_EQ(other.status, 2) << other.err;
  EXPECT_THAT(other.err, HasSubstr("idempotency"));
  EXPECT_EQ(cluster_.UpstreamCalls(), 7);
}

// Without --wait, submit returns at once with the id and the state QUEUED.
TEST_F(JobsTest, SubmitWithoutWaitingPrintsTheIdOfTheQueuedJob) {
  cluster_.StartSimulator();
  cluster_.StartCoordinator();
  const CommandResult result =
      cluster_.Moactl({"submit", "-f", cluster_.JobFile("a.yaml", kSingleCallJob), "-o", "json"});
  EXPECT_EQ(result.status, 0) << result.err;
  const JobView job = ParseJob(result.out);
  EXPECT_EQ(job.state, "QUEUED");
  EXPECT_EQ(cluster_.Get(job.job_id).state, "QUEUED");

  // The worker gets its first task in the same breath as its welcome.
  cluster_.StartWorker();
  EXPECT_EQ(cluster_.WaitForEnd(job.job_id).state, "SUCCEEDED");
  EXPECT_EQ(cluster_.Get(job.job_id).layers.at(0).agents.at(0).attempts, 1);
}

// A client that is killed while it watches leaves the job alone.
TEST_F(JobsTest, JobGoesOnWhenItsWatcherIsGone) {
  cluster_.StartAll(1, {"--time-scale", "0.5"});
  const std::string file = cluster_.JobFile("a.yaml", kWorkshopJob);
  Process& watcher = cluster_.Start("watcher", "moactl", {"submit", "-f", file, "--watch"},
                                    {{"MOA_COORDINATOR", cluster_.coordinator_address()}});
  const auto started = [&] { return cluster_.UpstreamCalls() > 0; };
  ASSERT_TRUE(WaitUntil(started)) << watcher.Log();
  watcher.Kill();

  const CommandResult list = cluster_.Moactl({"list", "-o", "json"});
  const size_t at = list.out.find("\"job_id\":");
  ASSERT_NE(at, std::string::npos) << list.out;
  const size_t begin = list.out.find('"', at + 9) + 1;
  const std::string id = list.out.substr(begin, list.out.find('"', begin) - begin);
  EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
}

// The prompt's bytes reach the model as they are: the simulator's digest of the prompt is the one
// of a request made by hand with the same text. Braces are not a format string to anybody; NULs are
// characters. Bytes that are not UTF-8 cannot travel in JSON: U+FFFD stands in their place.
TEST_F(JobsTest, PromptsWithBracesNulsEmojiAndBrokenUtf8ReachTheModel) {
  cluster_.StartAll();
  struct Case {
    std::string prompt;
    std::string json;  // the same inside a JSON string, as the provider is to get it
  };
  const Case cases[] = {
      {"{0} {helper_response} %s ${x} {{}}", "{0} {helper_response} %s ${x} {{}}"},
      {std::string("a\0b\x01", 4), R"(a\u0000b\u0001)"},
      {"👩‍👩‍👧‍👦 naïve 漢字 \xF0\x9F\x99\x82",
       "👩‍👩‍👧‍👦 naïve 漢字 🙂"},
      {"bad \xFF\xC3( end\xF0\x9F", "bad \\ufffd\\ufffd( end\\ufffd"},
  };
  const std::string job = cluster_.JobFile(
      "a.yaml", "moa: {aggregator: {model: gpt-oss-120b, max_completion_tokens: 300, seed: 5}}\n");
  for (const Case& c : cases) {
    const std::string prompt = cluster_.JobFile("prompt.txt", c.prompt);
    const JobView got = cluster_.Run(job, {"--prompt-file", prompt});
    ASSERT_EQ(got.state, "SUCCEEDED") << got.error_message;
    const HttpReply direct =
        HttpCall(cluster_.simulator_address(), "POST", "/v1/chat/completions",
                 absl::StrCat(R"({"model":"gpt-oss-120b","seed":5,"max_completion_tokens":300,)",
                              R"("messages":[{"role":"user","content":")", c.json, R"("}]})"),
                 "Authorization: Bearer x\r\nContent-Type: application/json\r\n");
    ASSERT_EQ(direct.status, 200) << direct.body;
    EXPECT_FALSE(DigestOf(got.answer).empty()) << got.answer;
    EXPECT_EQ(DigestOf(got.answer), DigestOf(direct.body)) << c.json;
  }
}

// More jobs than slots at once: all end, each with its own answer.
TEST_F(JobsTest, ManyJobsAtOnceAllEnd) {
  cluster_.StartAll(2, {"--time-scale", "0"});
  const std::string file = cluster_.JobFile("a.yaml", kWorkshopJob);
  std::vector<std::string> ids;
  for (int i = 0; i < 20; ++i) {
    ids.push_back(cluster_.Submit(file, {"--prompt", absl::StrCat("Question ", i)}));
  }
  std::set<std::string> answers;
  for (const std::string& id : ids) {
    const JobView job = cluster_.WaitForEnd(id);
    EXPECT_EQ(job.state, "SUCCEEDED") << job.error_message;
    answers.insert(DigestOf(job.answer));
  }
  EXPECT_THAT(answers, SizeIs(20));
  EXPECT_EQ(cluster_.UpstreamCalls(), 140);
}

}  // namespace
}  // namespace moa::cluster
