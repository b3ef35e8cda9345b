#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/tuner/random.h"
#include "common/base/status_matchers.h"
#include "tests/client/tuner/synthetic.h"

// Whether the search finds what is there, on made-up worlds whose best is known. Seeds are fixed: nothing here is drawn
// anew from run to run.
namespace moa {
namespace {

constexpr uint64_t kSeeds = 20;
constexpr uint64_t kTrials = 120;
constexpr uint32_t kParallel = 4;

uint64_t NoiseSeed(uint64_t seed) { return seed * 7919 + 13; }

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// The true worth of what a study found, for each seed.
std::vector<double> Found(const Objective& objective, SamplerKind sampler) {
  std::vector<double> worths;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    StudyOptions options = OptionsFor(objective, seed, kTrials, kParallel);
    options.sampler = sampler;
    absl::StatusOr<Study> study = Study::Create(options);
    EXPECT_OK(study);
    RunToEnd(*study, objective, NoiseSeed(seed));
    worths.push_back(objective.worth(study->Result().moa));
  }
  return worths;
}

// Each trial another random configuration, the best score wins: what people do by hand.
std::vector<double> FoundBySingleRuns(const Objective& objective) {
  std::vector<double> worths;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    absl::StatusOr<Space> space = Space::Create(objective.base, objective.space);
    EXPECT_OK(space);
    Random random(seed, 0);
    double best_score = -1;
    double worth = 0;
    for (uint64_t number = 1; number <= kTrials;) {
      const Point point = DrawPoint(space->dimensions(), random);
      if (!space->HasAgent(point)) continue;
      const Trial trial{.number = number++, .moa = space->Apply(point)};
      const double score = RunTrial(objective, trial, NoiseSeed(seed)).score;
      if (score <= best_score) continue;
      best_score = score;
      worth = objective.worth(trial.moa);
    }
    worths.push_back(worth);
  }
  return worths;
}

class ObjectivesTest : public testing::TestWithParam<size_t> {};

// Equal budgets, equal noise: half of the searches with the surrogate find something better than half of those without.
TEST_P(ObjectivesTest, TheSurrogateFindsBetterConfigurationsThanRandomSearch) {
  const Objective objective = Objectives()[GetParam()];
  const double surrogate = Median(Found(objective, SamplerKind::kSurrogate));
  const double random = Median(Found(objective, SamplerKind::kRandom));
  const double single = Median(FoundBySingleRuns(objective));
  const double base = objective.worth(objective.base);
  RecordProperty("worth", absl::StrCat(objective.name, ": base ", base, ", single runs ", single,
                                       ", random ", random, ", surrogate ", surrogate));
  EXPECT_GT(surrogate, random);
  EXPECT_GT(surrogate, single);
  EXPECT_GT(surrogate, base);
}

INSTANTIATE_TEST_SUITE_P(All, ObjectivesTest, testing::Range<size_t>(0, 3),
                         [](const auto& instance) { return Objectives()[instance.param].name; });

// Two thirds of the worth are reached only by prompts that the base does not have.
TEST(RewritingTest, PromptsThatNameTheFailedChecksAreFoundAndKept) {
  const Objective objective = Prompted();
  std::vector<double> with;
  std::vector<double> without;
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    for (const uint64_t every : {uint64_t{0}, uint64_t{10}}) {
      StudyOptions options = OptionsFor(objective, seed, 60, kParallel);
      options.reflect_every = every;
      ASSERT_OK_AND_ASSIGN(Study study, Study::Create(options));
      RunToEnd(study, objective, NoiseSeed(seed), AddFailedWords);
      (every == 0 ? without : with).push_back(objective.worth(study.Result().moa));
    }
  }
  EXPECT_LE(*std::max_element(without.begin(), without.end()), 0.4);
  EXPECT_GE(Median(with), 0.8);
}

}  // namespace
}  // namespace moa
