#include "client/tuner/study.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_matchers.h"
#include "tests/client/tuner/synthetic.h"

namespace moa {
namespace {

using testing::ElementsAreArray;
using testing::Gt;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Le;
using testing::SizeIs;

constexpr uint64_t kNoise = 99;

// Prompts are rewritten, agents are dropped: everything that a study can do happens in it.
StudyOptions WholeOptions(uint64_t trials = 48) {
  StudyOptions options = OptionsFor(Prompted(), 3, trials, 4);
  options.reflect_every = 8;
  options.ablate_share = 0.25;
  return options;
}

std::vector<std::string> Whole(const StudyOptions& options) {
  absl::StatusOr<Study> study = Study::Create(options);
  EXPECT_OK(study);
  return RunToEnd(*study, Prompted(), kNoise, AddFailedWords);
}

std::vector<std::string> OfType(const std::vector<std::string>& lines, const std::string& type) {
  std::vector<std::string> found;
  for (const std::string& line : lines) {
    if (absl::StrContains(line, absl::StrCat("{\"type\":\"", type, "\""))) found.push_back(line);
  }
  return found;
}

TEST(StudyTest, DoesAllThatItCan) {
  const std::vector<std::string> lines = Whole(WholeOptions());
  for (const char* type : {"batch", "result", "reflection", "reply", "edits", "ablation"}) {
    EXPECT_THAT(OfType(lines, type), SizeIs(Gt(0))) << type;
  }
  EXPECT_THAT(OfType(lines, "study"), SizeIs(1));
  EXPECT_THAT(OfType(lines, "end"), SizeIs(1));
  for (const char* why : {"new", "repeat", "confirm", "ablate"}) {
    EXPECT_THAT(absl::StrJoin(lines, "\n"), HasSubstr(absl::StrCat("\"why\":\"", why, "\"")));
  }
}

TEST(StudyTest, EqualOptionsAndResultsGiveEqualHistories) {
  EXPECT_THAT(Whole(WholeOptions()), ElementsAreArray(Whole(WholeOptions())));
}

TEST(StudyTest, AnotherSeedDecidesOtherwise) {
  StudyOptions other = WholeOptions();
  ++other.seed;
  EXPECT_NE(OfType(Whole(other), "batch"), OfType(Whole(WholeOptions()), "batch"));
}

// The results of each batch come last first; every decision is the same.
TEST(StudyTest, TheOrderInWhichResultsArriveDecidesNothing) {
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(WholeOptions()));
  std::vector<std::string> decisions;
  for (Step step = study.Next(); !std::holds_alternative<Ended>(step); step = study.Next()) {
    for (std::string& line : study.TakeLines()) decisions.push_back(std::move(line));
    if (const auto* rewriting = std::get_if<Rewriting>(&step)) {
      std::vector<ReflectionRequest> requests = rewriting->requests;
      std::reverse(requests.begin(), requests.end());
      for (const ReflectionRequest& request : requests) {
        ASSERT_OK(study.RecordReply({.number = request.number,
                                     .text = AddFailedWords(request),
                                     .tokens = 500,
                                     .cost_usd = 0.001}));
      }
    } else {
      std::vector<Trial> trials = std::get<Batch>(step).trials;
      std::reverse(trials.begin(), trials.end());
      for (const Trial& trial : trials)
        ASSERT_OK(study.Record(RunTrial(Prompted(), trial, kNoise)));
    }
    study.TakeLines();
  }
  for (std::string& line : study.TakeLines()) decisions.push_back(std::move(line));
  std::vector<std::string> expected;
  for (std::string& line : Whole(WholeOptions())) {
    if (OfType({line}, "result").empty() && OfType({line}, "reply").empty()) {
      expected.push_back(std::move(line));
    }
  }
  EXPECT_THAT(decisions, ElementsAreArray(expected));
}

// Whatever line is the last that was written, and wherever the next one is torn, the study goes on as it would have.
TEST(StudyTest, GoesOnFromEveryPrefixOfItsHistory) {
  const StudyOptions options = WholeOptions();
  const std::vector<std::string> whole = Whole(options);
  for (size_t kept = 0; kept <= whole.size(); ++kept) {
    std::string text;
    for (size_t i = 0; i < kept; ++i) absl::StrAppend(&text, whole[i], "\n");
    const size_t bytes = text.size();
    if (kept < whole.size()) text += whole[kept].substr(0, kept % whole[kept].size());
    ASSERT_OK_AND_ASSIGN(Study study, Study::Create(options));
    ASSERT_OK_AND_ASSIGN(const size_t read, ReplayHistory(text, study));
    EXPECT_EQ(read, bytes);
    const std::vector<std::string> rest = RunToEnd(study, Prompted(), kNoise, AddFailedWords);
    ASSERT_THAT(rest,
                ElementsAreArray(whole.begin() + static_cast<std::ptrdiff_t>(kept), whole.end()))
        << "after " << kept << " lines";
  }
}

TEST(StudyTest, HandsOutNoMoreThanAskedFor) {
  for (const uint64_t trials : {1, 2, 3, 7, 30, 61}) {
    for (const uint32_t parallel : {1u, 3u, 16u}) {
      const Objective objective = Additive();
      ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 5, trials, parallel)));
      std::set<uint64_t> numbers;
      for (Step step = study.Next(); !std::holds_alternative<Ended>(step); step = study.Next()) {
        const Batch& batch = std::get<Batch>(step);
        ASSERT_THAT(batch.trials, SizeIs(Le(parallel)));
        for (const Trial& trial : batch.trials) {
          EXPECT_TRUE(numbers.insert(trial.number).second);
          ASSERT_OK(study.Record(RunTrial(objective, trial, kNoise)));
        }
      }
      EXPECT_THAT(numbers, SizeIs(trials));
      EXPECT_EQ(*numbers.rbegin(), trials);
      EXPECT_TRUE(study.Result().best.has_value());
    }
  }
}

// Runs of a configuration have seeds 1, 2, … of the study's, those of another one the same.
TEST(StudyTest, AllConfigurationsDrawAlike) {
  const Objective objective = Additive();
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 2, 60, 4)));
  std::map<std::string, std::vector<uint64_t>> seeds;
  for (Step step = study.Next(); !std::holds_alternative<Ended>(step); step = study.Next()) {
    for (const Trial& trial : std::get<Batch>(step).trials) {
      seeds[trial.config].push_back(trial.seed);
      ASSERT_OK(study.Record(RunTrial(objective, trial, kNoise)));
    }
  }
  size_t most = 0;
  for (const auto& [config, drawn] : seeds) {
    for (size_t run = 0; run < drawn.size(); ++run) EXPECT_EQ(drawn[run], 200'001 + run) << config;
    most = std::max(most, drawn.size());
  }
  EXPECT_GE(most, 4u);
}

TEST(StudyTest, TokensAndCostEndItBeforeTheyAreExceeded) {
  const Objective objective = Needles();  // five agents in one cycle: 5,000 tokens and $0.005 each
  StudyOptions by_tokens = OptionsFor(objective, 1, 200, 4);
  by_tokens.tokens_max = 148'000;
  StudyOptions by_cost = OptionsFor(objective, 1, 200, 4);
  by_cost.cost_usd_max = 0.148;
  for (const StudyOptions& options : {by_tokens, by_cost}) {
    ASSERT_OK_AND_ASSIGN(Study study, Study::Create(options));
    RunToEnd(study, objective, kNoise);
    const StudyResult result = study.Result();
    EXPECT_EQ(result.spent.trials, 29u);
    EXPECT_TRUE(result.best.has_value());
    EXPECT_THAT(std::get<Ended>(study.Next()).reason, HasSubstr("does not hold another trial"));
    EXPECT_FALSE(std::get<Ended>(study.Next()).failed);
    // The end is planned for: something was confirmed.
    EXPECT_GE(result.best->runs, 2u);
  }
}

TEST(StudyTest, RewritingCountsAsSpent) {
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(WholeOptions()));
  RunToEnd(study, Prompted(), kNoise, AddFailedWords);
  const StudyResult result = study.Result();
  double runs = 0;
  for (const Standing& standing : result.ranking) {
    runs += standing.tokens * static_cast<double>(standing.runs);
  }
  EXPECT_THAT(result.rewrites.asked, Gt(0u));
  EXPECT_NEAR(static_cast<double>(result.spent.tokens),
              runs + 500.0 * static_cast<double>(result.rewrites.asked), 0.5);
}

// A reply that is no edit costs what it cost; the search goes on.
TEST(StudyTest, RepliesThatCannotBeUsedAreCounted) {
  for (const char* text : {"no", "{}", R"({"edits":[]})", R"({"edits":[{"agent":"a"}]})"}) {
    ASSERT_OK_AND_ASSIGN(Study study, Study::Create(WholeOptions()));
    RunToEnd(study, Prompted(), kNoise, [&](const ReflectionRequest&) { return text; });
    const StudyResult result = study.Result();
    EXPECT_EQ(result.spent.trials, 48u) << text;
    EXPECT_THAT(result.rewrites.asked, Gt(0u)) << text;
    EXPECT_EQ(result.rewrites.unusable, result.rewrites.asked) << text;
    EXPECT_EQ(result.rewrites.added, 0u) << text;
  }
}

// There is nothing but what the rewriting model thinks of: it is asked when the configurations that are known have run.
TEST(StudyTest, PromptsAloneCanBeSearched) {
  Objective objective = Prompted();
  objective.space.models = false;
  objective.space.temperatures = false;
  objective.space.agents = false;
  objective.space.cycles = false;
  for (const uint64_t every : {1, 2, 1000}) {
    StudyOptions options = OptionsFor(objective, 1, 40, 4);
    options.reflect_every = every;
    ASSERT_OK_AND_ASSIGN(Study study, Study::Create(options));
    RunToEnd(study, objective, kNoise, AddFailedWords);
    const StudyResult result = study.Result();
    EXPECT_EQ(result.spent.trials, 40u) << every;
    EXPECT_THAT(result.ranking, SizeIs(Gt(1))) << every;
    EXPECT_GT(objective.worth(result.moa), objective.worth(objective.base)) << every;
  }
}

TEST(StudyTest, EditsOfUnknownAgentsAreDroppedAndTheOthersKept) {
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(WholeOptions()));
  const std::vector<std::string> lines =
      RunToEnd(study, Prompted(), kNoise, [](const ReflectionRequest& request) {
        return absl::StrCat(R"({"edits":[{"agent":"nobody","system_prompt":"x"},)",
                            R"({"agent":"aggregator","system_prompt":"Number )", request.number,
                            R"("}]})");
      });
  const RewriteCounts counts = study.Result().rewrites;
  EXPECT_EQ(counts.dropped, counts.asked);
  EXPECT_EQ(counts.added, counts.asked);
  EXPECT_THAT(OfType(lines, "edits")[0],
              HasSubstr(R"("dropped":["\"nobody\": there is no such agent"])"));
}

TEST(StudyTest, AFailedRunHasNoPoints) {
  const Objective objective = Additive();
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 1, 20, 4)));
  Step step = study.Next();
  std::set<std::string> failing;
  for (; !std::holds_alternative<Ended>(step); step = study.Next()) {
    for (const Trial& trial : std::get<Batch>(step).trials) {
      TrialResult result = RunTrial(objective, trial, kNoise);
      if (trial.moa.aggregator().model() == "m0") {
        result.failure = "MODEL_NOT_FOUND";
        failing.insert(trial.config);
      }
      ASSERT_OK(study.Record(result));
    }
  }
  const StudyResult result = study.Result();
  ASSERT_THAT(failing, SizeIs(Gt(0)));
  EXPECT_FALSE(failing.contains(result.best->config));
  EXPECT_THAT(result.spent.failed, Gt(0u));
  EXPECT_TRUE(failing.contains(result.base->config));
  EXPECT_EQ(result.base->mean, 0);
}

TEST(StudyTest, GivesUpWhenNothingCanBeGraded) {
  const Objective objective = Additive();
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 1, 100, 4)));
  uint64_t runs = 0;
  Step step = study.Next();
  for (; !std::holds_alternative<Ended>(step); step = study.Next()) {
    for (const Trial& trial : std::get<Batch>(step).trials) {
      ASSERT_OK(study.Record({.trial = trial.number, .failure = "UNAUTHORIZED"}));
      ++runs;
    }
  }
  EXPECT_EQ(runs, 8u);
  EXPECT_TRUE(std::get<Ended>(step).failed);
  EXPECT_EQ(std::get<Ended>(step).reason, "none of 8 trials could be graded");
}

// Two models for one agent: two configurations, which share all trials.
TEST(StudyTest, ASpaceThatIsUsedUpIsRunAgain) {
  Objective objective = Needles();
  objective.space = {.temperatures = false, .agents = false, .cycles = false, .prompts = false};
  objective.space.offered = {{"m0"}, {"m4"}};
  objective.space.fixed = {"a", "b", "c", "d"};
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 1, 24, 4)));
  RunToEnd(study, objective, kNoise);
  const StudyResult result = study.Result();
  EXPECT_THAT(result.ranking, SizeIs(2));
  EXPECT_EQ(result.spent.trials, 24u);
  EXPECT_EQ(result.moa.aggregator().model(), "m4");
}

TEST(StudyTest, ResultsThatNobodyWaitsForAreRefused) {
  const Objective objective = Additive();
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 1, 20, 2)));
  EXPECT_THAT(study.Record({.trial = 1, .max = 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("was not handed out")));
  const Batch batch = std::get<Batch>(study.Next());
  const TrialResult result = RunTrial(objective, batch.trials[0], kNoise);
  ASSERT_OK(study.Record(result));
  EXPECT_THAT(study.Record(result),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("has a result already")));
  TrialResult impossible = RunTrial(objective, batch.trials[1], kNoise);
  impossible.score = impossible.max + 1;
  EXPECT_THAT(study.Record(impossible),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("must not be above max")));
  EXPECT_THAT(study.RecordReply({.number = 1}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nobody waits")));
  // Still waiting for the other trial alone.
  EXPECT_THAT(std::get<Batch>(study.Next()).trials, SizeIs(1));
}

TEST(StudyTest, ABestConfigurationRestsOnSeveralRuns) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    const Objective objective = Interacting();
    ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, seed, 60, 4)));
    RunToEnd(study, objective, seed);
    const StudyResult result = study.Result();
    EXPECT_GE(result.best->runs, 2u);
    EXPECT_LE(result.best->interval.low, result.best->mean);
    EXPECT_GE(result.best->interval.high, result.best->mean);
    EXPECT_GE(result.base->runs, 2u);
  }
}

// What is on the front costs less than everything better.
TEST(StudyTest, TheFrontTradesScoreForTokens) {
  const Objective objective = Additive();
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(OptionsFor(objective, 4, 100, 4)));
  RunToEnd(study, objective, kNoise);
  const StudyResult result = study.Result();
  ASSERT_THAT(result.front, SizeIs(Gt(1)));
  for (size_t i = 1; i < result.front.size(); ++i) {
    EXPECT_GT(result.front[i].tokens, result.front[i - 1].tokens);
    EXPECT_GT(result.front[i].expected, result.front[i - 1].expected);
  }
  for (const Standing& standing : result.ranking) {
    if (standing.runs < 2) continue;
    EXPECT_TRUE(std::any_of(result.front.begin(), result.front.end(), [&](const Standing& on) {
      return on.expected >= standing.expected && on.tokens <= standing.tokens;
    })) << standing.config;
  }
}

}  // namespace
}  // namespace moa
