#include "client/tuner/reflection.h"

#include <gmock/gmock.h>

#include <map>
#include <string>
#include <vector>

#include "common/base/status_matchers.h"
#include "common/document/document.h"
#include "tests/client/tuner/synthetic.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

constexpr double kPoints = 10;

size_t Add(Candidates& candidates, const std::vector<double>& checks,
           const std::string& detail = "no") {
  const size_t index = candidates.Add({}, "key" + std::to_string(candidates.size()));
  TrialResult result{.max = kPoints * static_cast<double>(checks.size())};
  for (size_t i = 0; i < checks.size(); ++i) {
    result.checks.push_back({"check" + std::to_string(i), checks[i], kPoints, detail});
    result.score += checks[i];
  }
  candidates.AddRun(index, result);
  return index;
}

std::map<size_t, int> Chosen(const Candidates& candidates) {
  std::map<size_t, int> chosen;
  for (uint64_t i = 0; i < 400; ++i) {
    Random random(1, i);
    const std::optional<size_t> parent = ChooseParent(candidates, random);
    if (parent) ++chosen[*parent];
  }
  return chosen;
}

// Each as often as it may be the best, as far as one run each tells.
TEST(ChooseParentTest, WhoMayBeTheBestIsChosen) {
  Candidates candidates;
  const size_t good = Add(candidates, {10, 10, 5});
  const size_t middling = Add(candidates, {9, 9, 5});
  const size_t bad = Add(candidates, {1, 0, 1});
  std::map<size_t, int> chosen = Chosen(candidates);
  EXPECT_GT(chosen[good], chosen[middling]);
  EXPECT_GT(chosen[middling], 40);
  EXPECT_LT(chosen[bad], 20);
}

TEST(ChooseParentTest, WhoFailsInNothingTeachesNothing) {
  Candidates candidates;
  Add(candidates, {10, 10});
  const size_t worse = Add(candidates, {10, 7});
  EXPECT_EQ(Chosen(candidates)[worse], 400);
}

TEST(ChooseParentTest, WithoutAFailedCheckThereIsNothingToLearn) {
  Candidates candidates;
  Add(candidates, {10, 10});
  EXPECT_TRUE(Chosen(candidates).empty());
  EXPECT_TRUE(Chosen(Candidates()).empty());
}

TEST(ReflectionTest, ARequestNamesPromptsAndFailedChecks) {
  const Objective objective = Prompted();
  absl::StatusOr<Space> space = Space::Create(objective.base, objective.space);
  ASSERT_OK(space);
  ASSERT_OK_AND_ASSIGN(const Space::Rewritten rewritten,
                       space->Rewrite(space->BasePoint(), "aggregator", "Merge."));
  Candidate candidate{.point = space->Without(rewritten.point, 0), .key = "k"};
  candidate.runs = {
      {.trial = 1,
       .max = 30,
       .checks = {{"sorts", 10, 10, "as it should"}, {"empty", 5, 20, "it raised\nKeyError"}}},
      {.trial = 2, .max = 30, .checks = {{"sorts", 10, 10}, {"empty", 0, 20, "it returned None"}}},
      {.trial = 3, .failure = "TRUNCATED"}};
  const ReflectionRequest request = AskForEdits(*space, candidate, "Write a function.");
  EXPECT_EQ(request.parent, "k");
  EXPECT_EQ(request.user,
            "task:\nWrite a function.\n\n"
            "agent: b\nYou are b.\n\n"
            "agent: aggregator\nMerge.\n\n"
            "check: empty (2.5 of 20): it raised KeyError; it returned None\n");
}

TEST(ReflectionTest, DetailsAreFewAndShort) {
  const Objective objective = Prompted();
  absl::StatusOr<Space> space = Space::Create(objective.base, objective.space);
  ASSERT_OK(space);
  Candidate candidate{.point = space->BasePoint(), .key = "k"};
  for (int i = 0; i < 9; ++i) {
    candidate.runs.push_back({.max = 1, .checks = {{"c", 0, 1, std::string(5'000, 'a' + i)}}});
  }
  const ReflectionRequest request = AskForEdits(*space, candidate, std::string(100'000, 't'));
  EXPECT_LT(request.user.size(), 10'000u);
  EXPECT_THAT(request.user, HasSubstr("ccc"));
  EXPECT_THAT(request.user, Not(HasSubstr("ddd")));
}

TEST(ReflectionTest, TheJobAsksForTheEditsForm) {
  const v1::JobSpec job = ReflectionJob({.number = 1, .system = "S", .user = "U"}, "m");
  EXPECT_EQ(job.messages(0).content(), "U");
  const v1::Agent& agent = job.moa().aggregator();
  EXPECT_EQ(agent.model(), "m");
  EXPECT_EQ(agent.system_prompt(), "S");
  EXPECT_EQ(agent.response_format().name(), "prompt_edits");
  EXPECT_EQ(agent.response_format().type(), v1::ResponseFormat::JSON_SCHEMA);
  Problems problems;
  EXPECT_TRUE(ReadJson(agent.response_format().schema(), "schema", problems).has_value());
  // The instructions speak of {helper_response}: it is not to be replaced.
  EXPECT_EQ(job.moa().references().placement(), v1::References::TRAILING);
}

TEST(ReflectionTest, EditsAreFoundInTheText) {
  ASSERT_OK_AND_ASSIGN(
      const std::vector<PromptEdit> edits,
      ReadEdits("```json\n{\"edits\":[{\"agent\":\"a\",\"system_prompt\":\"x {y}\"}]}\n```"));
  ASSERT_EQ(edits.size(), 1u);
  EXPECT_EQ(edits[0].agent, "a");
  EXPECT_EQ(edits[0].system_prompt, "x {y}");
}

TEST(ReflectionTest, RepliesOfAnotherFormAreRefused) {
  for (const char* reply :
       {"", "none", "}{", "{", R"({"edits":{}})", R"({"edits":[]})", R"({"edit":[]})",
        R"({"edits":[{"agent":"a"}]})", R"({"edits":[{"system_prompt":"a"}]})",
        R"({"edits":[{"agent":1,"system_prompt":"a"}]})", R"({"edits":["a"]})",
        R"({"edits":[null]})"}) {
    EXPECT_THAT(ReadEdits(reply), StatusIs(absl::StatusCode::kInvalidArgument)) << reply;
  }
}

}  // namespace
}  // namespace moa
