#include "simulator/coder_odds.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "simulator/model_table.h"
#include "tests/simulator/coder_oracle.h"
#include "tests/simulator/coder_rig.h"

namespace moa::simulator::coder {
namespace {

const Skill& GptOss() { return SkillOf("gpt-oss-120b"); }

Brief Named(std::initializer_list<Issue> issues) {
  Brief brief;
  for (const Issue issue : issues) brief.named.set(IndexOf(issue));
  return brief;
}

// `count` references, of which the first `right` take care of everything.
Brief Shown(int count, int right, bool argued = false) {
  Brief brief;
  for (int i = 0; i < count; ++i) {
    ShownCode shown;
    if (i < right) shown.handled.set();
    if (argued) shown.argued = shown.handled;
    brief.references.push_back(shown);
  }
  return brief;
}

double Chance(const Brief& brief, Issue issue,
              const Manner& manner = {.temperature = 0.5, .effort = "medium"},
              const Skill& skill = GptOss()) {
  return ChanceOf(OddsOf(skill, manner, brief), issue);
}

// The share of `samples` calls that take care of the issue.
double ShareHandled(const AgentCall& call, Issue issue, int64_t samples) {
  int64_t handled = 0;
  for (int64_t seed = 1; seed <= samples; ++seed) {
    const Program program = ProgramIn(RequestOf(call, seed), static_cast<uint64_t>(seed));
    handled += HandledBy(program)[IndexOf(issue)] ? 1 : 0;
  }
  return static_cast<double>(handled) / static_cast<double>(samples);
}

double MeanTotal(const Mixture& mixture, uint64_t seeds) {
  double sum = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) sum += TotalOf(ProgramOf(mixture, seed));
  return sum / static_cast<double>(seeds);
}

class EachIssueTest : public testing::TestWithParam<Issue> {};
INSTANTIATE_TEST_SUITE_P(Issues, EachIssueTest, testing::ValuesIn(kIssues),
                         [](const auto& test) { return CheckOf(test.param); });

// What is drawn has the frequency that the model states.
TEST_P(EachIssueTest, IsTakenCareOfAsOftenAsItsChanceSays) {
  const AgentCall call = {.temperature = 0.5, .effort = "medium"};
  EXPECT_NEAR(ShareHandled(call, GetParam(), 800), Chance({}, GetParam()), 0.06);
}

TEST_P(EachIssueTest, IsTakenCareOfMoreOftenWhenItIsNamed) {
  const AgentCall plain = {.temperature = 0.5};
  AgentCall told = plain;
  told.system = AdviceOn(GetParam());
  EXPECT_GT(ShareHandled(told, GetParam(), 400), ShareHandled(plain, GetParam(), 400) + 0.1);
}

// A check that is not taken care of gives less than one that is.
TEST_P(EachIssueTest, CostsPoints) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const Program right = MakeProgram(IssueSet().set(), seed, seed);
    const Program wrong = MakeProgram(IssueSet().set().reset(IndexOf(GetParam())), seed, seed);
    EXPECT_EQ(TotalOf(right), 120);
    EXPECT_LT(IntendedPoints(wrong).at(IndexOf(GetParam())),
              IntendedPoints(right).at(IndexOf(GetParam())));
  }
}

// Of three references none, one, two or all take care of it.
TEST_P(EachIssueTest, IsTakenOverFromReferences) {
  const double own = Chance({}, GetParam());
  const double none = Chance(Shown(3, 0), GetParam());
  const double one = Chance(Shown(3, 1), GetParam());
  const double two = Chance(Shown(3, 2), GetParam());
  const double all = Chance(Shown(3, 3), GetParam());
  EXPECT_LT(none, own - 0.05);
  EXPECT_LT(none, one);
  EXPECT_LT(one, two);
  EXPECT_LT(two, all);
  EXPECT_GT(all, own);
  EXPECT_GT(Chance(Shown(3, 1, true), GetParam()), one + 0.03);
}

TEST(CoderOddsTest, NamesHelpLessTheMoreThereAre) {
  const double alone = Chance(Named({Issue::kRobust}), Issue::kRobust);
  const double four =
      Chance(Named({Issue::kRobust, Issue::kKeys, Issue::kDates, Issue::kEmpty}), Issue::kRobust);
  Brief all;
  all.named.set();
  const double eleven = Chance(all, Issue::kRobust);
  const double plain = Chance({}, Issue::kRobust);
  EXPECT_GT(alone, four + 0.1);
  EXPECT_GT(four, eleven + 0.15);
  EXPECT_GT(eleven, plain);
  EXPECT_LT(Chance(Named({Issue::kRobust, Issue::kKeys}), Issue::kEmpty),
            Chance({}, Issue::kEmpty));
}

TEST(CoderOddsTest, FeedbackCountsForMoreThanInstructions) {
  Brief brief = Named({Issue::kRobust, Issue::kKeys, Issue::kDates});
  const double told = Chance(brief, Issue::kRobust);
  brief.criticised.set(IndexOf(Issue::kRobust));
  EXPECT_GT(Chance(brief, Issue::kRobust), told + 0.05);
}

TEST(CoderOddsTest, ManyReferencesDilute) {
  EXPECT_GT(Chance(Shown(3, 3), Issue::kRobust), Chance(Shown(12, 12), Issue::kRobust) + 0.05);
  Brief talk = Shown(3, 3);
  talk.references_without_code = 9;
  EXPECT_GT(Chance(Shown(3, 3), Issue::kRobust), Chance(talk, Issue::kRobust) + 0.05);
}

TEST(CoderOddsTest, StrongerModelsMergeBetterAndEachHasStrengthsOfItsOwn) {
  const Manner manner = {.temperature = 0.5, .effort = "medium"};
  EXPECT_GT(Chance(Shown(3, 1), Issue::kNobody, manner),
            Chance(Shown(3, 1), Issue::kNobody, manner, SkillOf("step-3.5-flash")) + 0.1);
  for (const Model& model : Models()) {
    EXPECT_STREQ(SkillOf(model.id).model, model.id);
    int strengths = 0;
    for (const Issue issue : kIssues) {
      for (const Model& other : Models()) {
        const bool better =
            SkillOf(model.id).issues[IndexOf(issue)] > SkillOf(other.id).issues[IndexOf(issue)];
        strengths += better ? 1 : 0;
      }
    }
    EXPECT_GT(strengths, 0) << model.id;
  }
  const Skill& qwen = SkillOf("qwen-3.8-27b");
  EXPECT_GT(Chance({}, Issue::kKeys, manner, qwen), Chance({}, Issue::kKeys, manner) + 0.1);
  EXPECT_LT(Chance({}, Issue::kAverage, manner, qwen), Chance({}, Issue::kAverage, manner) - 0.1);
}

TEST(CoderOddsTest, ThinkingHelps) {
  double last = 0;
  for (const char* effort : {"none", "low", "medium", "high"}) {
    const double chance = Chance({}, Issue::kKeys, {.temperature = 0.5, .effort = effort});
    EXPECT_GT(chance, last) << effort;
    last = chance;
  }
}

// How many issues two samples of one call decide alike, of eleven.
double Agreement(double temperature) {
  double alike = 0;
  constexpr int64_t kPairs = 200;
  for (int64_t seed = 1; seed <= kPairs; ++seed) {
    const AgentCall call = {.temperature = temperature};
    const auto one = HandledBy(ProgramIn(RequestOf(call, 1), static_cast<uint64_t>(seed)));
    const auto two = HandledBy(ProgramIn(RequestOf(call, 2), static_cast<uint64_t>(seed)));
    alike += static_cast<double>((~(one ^ two)).count()) / kPairs;
  }
  return alike;
}

TEST(CoderOddsTest, SamplesRepeatTheirFaultsWhenItIsColdAndVaryWhenItIsHot) {
  const double cold = Agreement(0);
  const double warm = Agreement(0.5);
  const double hot = Agreement(1.5);
  EXPECT_GT(cold, warm + 0.5);
  EXPECT_GT(warm, hot + 0.3);
  EXPECT_GT(cold, 8.5);
}

double ShareSpoilt(const AgentCall& call) {
  double spoilt = 0;
  constexpr int64_t kSamples = 1000;
  for (int64_t seed = 1; seed <= kSamples; ++seed) {
    const Program program = ProgramIn(RequestOf(call, seed), 1);
    spoilt += program.disaster == Disaster::kNone ? 0 : 1.0 / kSamples;
  }
  return spoilt;
}

TEST(CoderOddsTest, HeatSpoilsAndSayingSoKeepsTheName) {
  const AgentCall mild = {.temperature = 0.5};
  AgentCall kept = mild;
  kept.system = "Keep the function's name.";
  EXPECT_GT(ShareSpoilt(mild), 0.01);
  EXPECT_LT(ShareSpoilt(mild), 0.06);
  EXPECT_LT(ShareSpoilt(kept), ShareSpoilt(mild) / 2);
  EXPECT_GT(ShareSpoilt({.temperature = 1.0}), ShareSpoilt(mild) * 1.3);
  EXPECT_GT(ShareSpoilt({.temperature = 1.5}), 0.15);
  // Without one, the service's default of 1 counts.
  EXPECT_EQ(ShareSpoilt({.temperature = std::nullopt}), ShareSpoilt({.temperature = 1.0}));
}

// The ranges of docs/simulator-coder.md: figures by what the fragments are meant to earn; coder_grade_test.cc has the
// grader's for some of them.
TEST(CoderOddsTest, ConfigurationsScoreInTheirDocumentedRanges) {
  struct Range {
    const char* name;
    double low, high;
  };
  constexpr Range kRanges[] = {
      {"single, plain", 66, 80},
      {"single, all issues named", 78, 90},
      {"single, five issues named", 89, 100},
      {"self-MoA, 3 samples, plain", 84, 95},
      {"two models, plain", 87, 98},
      {"three specialists", 101, 110},
      {"three specialists, weak aggregator", 78, 91},
      {"three specialists, two cycles", 108, 116},
      {"three specialists, two cycles, tuned", 110, 118},
      {"bad: hot, weak, unnamed", 28, 50},
  };
  for (const Range& range : kRanges) {
    bool found = false;
    for (const NamedMixture& named : DocumentedMixtures()) {
      if (named.name != std::string(range.name)) continue;
      found = true;
      const double mean = MeanTotal(named.mixture, 200);
      EXPECT_GE(mean, range.low) << range.name;
      EXPECT_LE(mean, range.high) << range.name;
    }
    EXPECT_TRUE(found) << range.name;
  }
}

// Situation: one call whatever it is told, by the best of models. Outcome: a whole score stays the exception.
TEST(CoderOddsTest, NoSingleCallIsSureOfAllPoints) {
  for (const char* model : {"gpt-oss-120b", "glm-5.1", "kimi-k2.7-code"}) {
    for (const size_t told : {0, 3, 5, 7, 11}) {
      std::string system = "Keep the function's name.";
      for (size_t i = 0; i < told; ++i) absl::StrAppend(&system, " ", AdviceOn(kIssues.at(i)));
      const AgentCall call = {.model = model, .system = system, .temperature = 0, .effort = "high"};
      int whole = 0;
      for (uint64_t seed = 1; seed <= 200; ++seed) {
        whole += TotalOf(ProgramOf({.aggregator = call}, seed)) == 120 ? 1 : 0;
      }
      EXPECT_LT(whole, 30) << model << " " << told;
    }
  }
}

}  // namespace
}  // namespace moa::simulator::coder
