// Quotas through the whole system: a refusal is heard by everybody, keys are told apart.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/cluster/http_call.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

// Every number that follows `key` in `text`, in order.
std::vector<int64_t> NumbersAfter(absl::string_view text, absl::string_view key) {
  std::vector<int64_t> numbers;
  const std::string mark = absl::StrCat("\"", key, "\":");
  for (size_t at = text.find(mark); at != absl::string_view::npos; at = text.find(mark, at + 1)) {
    const absl::string_view rest = text.substr(at + mark.size());
    int64_t number = 0;
    if (absl::SimpleAtoi(rest.substr(0, rest.find_first_not_of("0123456789")), &number)) {
      numbers.push_back(number);
    }
  }
  return numbers;
}

// One call is refused for two seconds; jobs that come then leave no worker before these are over.
TEST(QuotaClusterTest, NoWorkerCallsAModelBeforeTheProvidersTime) {
  MiniCluster cluster;
  cluster.StartAll(2, {"--time-scale", "0", "--fault", "status=429:tokens,first=1,retry-after=2"});
  const std::string file = cluster.JobFile("a.yaml", kSingleCallJob);
  std::vector<std::string> jobs = {cluster.Submit(file)};
  // The refusal is on its way back to the coordinator: only what is submitted after it was heard counts.
  ASSERT_TRUE(WaitUntil([&] {
    const std::string metrics =
        HttpCall(cluster.coordinator().Address("metrics"), "GET", "/metrics").body;
    return absl::StrContains(metrics, "outcome=\"quota_exceeded\"");
  }));
  for (int i = 0; i < 6; ++i) jobs.push_back(cluster.Submit(file));
  for (const std::string& job : jobs) EXPECT_EQ(cluster.WaitForEnd(job).state, "SUCCEEDED");
  const std::string requests = HttpCall(cluster.simulator_address(), "GET", "/sim/requests").body;
  std::vector<int64_t> started = NumbersAfter(requests, "started_ns");
  ASSERT_EQ(started.size(), 8u) << requests;
  std::sort(started.begin(), started.end());
  EXPECT_GE(started[1] - started[0], int64_t{2'000'000'000});
}

// Each organisation has limits of its own: what one key has used up, another still has.
TEST(QuotaClusterTest, WorkGoesToTheKeyThatHasQuota) {
  MiniCluster cluster;
  cluster.StartSimulator({"--time-scale", "0", "--requests-per-minute", "3"});
  cluster.StartCoordinator();
  cluster.StartWorker("one", {}, {{"CEREBRAS_API_KEY", "csk-one"}});
  cluster.StartWorker("two", {}, {{"CEREBRAS_API_KEY", "csk-two"}});
  cluster.WaitForWorkers(2);
  const std::string file = cluster.JobFile("a.yaml", kSingleCallJob);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(cluster.Run(file, {"--deadline", "10s"}).state, "SUCCEEDED") << i;
  }
}

}  // namespace
}  // namespace moa::cluster
