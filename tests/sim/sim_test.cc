#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "coordinator/engine/plan.h"
#include "tests/sim/job_shapes.h"
#include "tests/sim/prompt_audit.h"
#include "tests/sim/random.h"
#include "tests/sim/simulation.h"

namespace moa::sim {
namespace {

void ExpectAllRulesHold(uint64_t first, uint64_t count) {
  for (uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome outcome = RunSeed(seed);
    if (outcome.ok()) continue;
    std::string last;
    for (const std::string& line : outcome.last) last += line + "\n";
    FAIL() << last << "seed " << seed << " broke the rule: " << outcome.rule << "\n  "
           << outcome.details << "\nreplay it: moa-sim --seed " << seed;
  }
}

// In four parts, so that they can run side by side.
TEST(SimTest, AllRulesHoldOnSeeds1To50) { ExpectAllRulesHold(1, 50); }
TEST(SimTest, AllRulesHoldOnSeeds51To100) { ExpectAllRulesHold(51, 50); }
TEST(SimTest, AllRulesHoldOnSeeds101To150) { ExpectAllRulesHold(101, 50); }
TEST(SimTest, AllRulesHoldOnSeeds151To200) { ExpectAllRulesHold(151, 50); }

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
class PlantedBugTest : public testing::TestWithParam<int> {};

TEST_P(PlantedBugTest, IsFoundWithinItsSeeds) {
  const auto bug = static_cast<Bug>(GetParam());
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    const Outcome outcome = Simulation(seed, bug).Run();
    if (outcome.ok()) continue;
    EXPECT_TRUE(Simulation(seed).Run().ok()) << "it was not the planted defect";
    RecordProperty("seeds", static_cast<int>(seed));
    RecordProperty("rule", outcome.rule);
    return;
  }
  FAIL() << BugName(bug) << " broke no rule in 2000 seeds";
}

INSTANTIATE_TEST_SUITE_P(Bugs, PlantedBugTest, testing::Range(1, kBugs), [](const auto& instance) {
  std::string name = BugName(static_cast<Bug>(instance.param));
  for (char& c : name) {
    if (c == '-') c = '_';
  }
  return name;
});

}  // namespace
}  // namespace moa::sim
