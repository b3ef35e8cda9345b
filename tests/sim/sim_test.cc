#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "coordinator/engine/plan.h"
#include "tests/sim/cluster.h"
#include "tests/sim/job_shapes.h"
#include "tests/sim/prompt_audit.h"
#include "tests/sim/random.h"
#include "tests/sim/simulation.h"

namespace moa::sim {
namespace {

void ExpectAllRulesHold(uint64_t first, uint64_t count, bool cluster = false) {
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome outcome = cluster ? RunClusterSeed(seed) : RunSeed(seed);
    if (outcome.ok()) continue;
    std::string last;
    for (const std::string& line : outcome.last) last += line + "\n";
    FAIL() << last << "seed " << seed << " broke the rule: " << outcome.rule << "\n  "
           << outcome.details << "\nreplay it: moa-sim " << (cluster ? "--cluster " : "")
           << "--seed " << seed;
  }
}

// In four parts, so that they can run side by side.
TEST(SimTest, AllRulesHoldOnSeeds1To50) { ExpectAllRulesHold(1, 50); }
TEST(SimTest, AllRulesHoldOnSeeds51To100) { ExpectAllRulesHold(51, 50); }
TEST(SimTest, AllRulesHoldOnSeeds101To150) { ExpectAllRulesHold(101, 50); }
TEST(SimTest, AllRulesHoldOnSeeds151To200) { ExpectAllRulesHold(151, 50); }

TEST(ClusterSimTest, AllRulesHoldOnSeeds1To150) { ExpectAllRulesHold(1, 150, true); }
TEST(ClusterSimTest, AllRulesHoldOnSeeds151To300) { ExpectAllRulesHold(151, 150, true); }
TEST(ClusterSimTest, AllRulesHoldOnSeeds301To450) { ExpectAllRulesHold(301, 150, true); }
TEST(ClusterSimTest, AllRulesHoldOnSeeds451To600) { ExpectAllRulesHold(451, 150, true); }

TEST(ClusterSimTest, SameSeedDoesTheSame) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome one = ClusterSimulation(seed, Bug::kNone, Trace::Mode::kKeepLast).Run();
    const Outcome two = ClusterSimulation(seed, Bug::kNone, Trace::Mode::kKeepLast).Run();
    EXPECT_EQ(one.events, two.events);
    EXPECT_EQ(one.calls, two.calls);
    EXPECT_EQ(one.last, two.last);
  }
}

TEST(SimTest, RandomJobsAreValid) {
  Random random(1);
  uint32_t flows = 0;
  for (uint32_t i = 0; i < 2000; ++i) {
    const JobSpec job = RandomJob(i, random);
    flows += HasFlows(job);
    for (const Violation& violation : Validate(job, Prices(), JobLimits())) {
      // Budgets are to be too small for the job.
      EXPECT_EQ(violation.field.rfind("budget", 0), 0u)
          << violation.field << " " << violation.description;
    }
  }
  EXPECT_GT(flows, 200u);
}

TEST(SimTest, SameSeedDoesTheSame) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const Outcome one = Simulation(seed, Bug::kNone, Trace::Mode::kKeepLast).Run();
    const Outcome two = Simulation(seed, Bug::kNone, Trace::Mode::kKeepLast).Run();
    EXPECT_EQ(one.events, two.events);
    EXPECT_EQ(one.calls, two.calls);
    EXPECT_EQ(one.last, two.last);
  }
}

TEST(SimTest, SeedsDiffer) { EXPECT_NE(Simulation(1).Run().events, Simulation(2).Run().events); }

// An audit that finds nothing may be one that looks at nothing: every planted defect must be seen,
// and within few seeds.
template <typename Cluster>
void ExpectFound(Bug bug) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    const Outcome outcome = Cluster(seed, bug).Run();
    if (outcome.ok()) continue;
    EXPECT_TRUE(Cluster(seed).Run().ok()) << "it was not the planted defect";
    testing::Test::RecordProperty("seeds", static_cast<int>(seed));
    testing::Test::RecordProperty("rule", outcome.rule);
    return;
  }
  FAIL() << BugName(bug) << " broke no rule in 2000 seeds";
}

std::string NameOf(const testing::TestParamInfo<int>& instance) {
  std::string name = BugName(static_cast<Bug>(instance.param));
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

class PlantedBugTest : public testing::TestWithParam<int> {};
TEST_P(PlantedBugTest, IsFoundWithinItsSeeds) {
  ExpectFound<Simulation>(static_cast<Bug>(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Bugs, PlantedBugTest, testing::Range(1, kClusterBugs), NameOf);

class PlantedClusterBugTest : public testing::TestWithParam<int> {};
TEST_P(PlantedClusterBugTest, IsFoundWithinItsSeeds) {
  ExpectFound<ClusterSimulation>(static_cast<Bug>(GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Bugs, PlantedClusterBugTest, testing::Range(kClusterBugs, kBugs), NameOf);

}  // namespace
}  // namespace moa::sim
