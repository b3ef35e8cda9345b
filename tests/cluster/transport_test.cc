// The worker's flags for the way to the provider, from the command line to the simulator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/cluster/http_call.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(TransportTest, EachProviderGetsTheFieldsThatItKnows) {
  MiniCluster cluster;
  cluster.StartSimulator({"--time-scale", "0"});
  cluster.StartCoordinator();
  const std::string file = cluster.JobFile("a.yaml", kSingleCallJob);
  const std::string prompt = cluster.JobFile("prompt.txt", std::string(50'000, 'p'));
  for (const bool cerebras : {true, false}) {
    cluster.StartWorker(
        "worker", {"--provider", cerebras ? "cerebras" : "vllm", "--gzip-requests-above", "1000",
                   "--warm-connections", "3", "--streams-per-connection", "8",
                   "--upstream-connections", "20"});
    cluster.WaitForWorkers(1);
    HttpCall(cluster.simulator_address(), "POST", "/sim/reset");
    const JobView job = cluster.Run(file, {"--prompt-file", prompt});
    ASSERT_EQ(job.state, "SUCCEEDED") << job.error_message;
    const std::string seen = HttpCall(cluster.simulator_address(), "GET", "/sim/requests").body;
    EXPECT_THAT(seen, AllOf(HasSubstr(std::string(50'000, 'p')),
                            HasSubstr("\"max_completion_tokens\":400")));
    EXPECT_EQ(seen.find("\"stream_options\"") == std::string::npos, cerebras);
    cluster.process("worker").Terminate();
  }
}

}  // namespace
}  // namespace moa::cluster
