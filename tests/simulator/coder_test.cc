#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "simulator/coder_judge.h"
#include "simulator/coder_program.h"
#include "simulator/coder_reply.h"
#include "simulator/reply.h"
#include "tests/simulator/coder_rig.h"

namespace moa::simulator::coder {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kFence = "```";

ReplyChoice ReplyWith(const ChatRequest& request, absl::string_view spec) {
  Personality personality;
  EXPECT_TRUE(ApplyPersonality(spec, &personality).ok()) << spec;
  const Model& model = *FindModel(request.model);
  return ReplyGenerator(1, {}, personality)
      .Generate(request, model, RenderPrompt(request, model.id))
      .front();
}

TEST(CoderTest, WritesCodeWhenTheFunctionIsAskedForAndProseElsewhere) {
  const ReplyChoice code = ReplyTo(RequestOf({}, 1), 1);
  EXPECT_THAT(code.content, HasSubstr(kFence));
  EXPECT_THAT(code.content, HasSubstr("def calculate_user_metrics(users"));
  EXPECT_STREQ(code.finish_reason, "stop");
  ChatRequest other = RequestOf({}, 1);
  other.messages.back().content = "Write calculate_something_else(users).";
  EXPECT_THAT(ReplyTo(other, 1).content, Not(HasSubstr(kFence)));
  ChatRequest json = RequestOf({}, 1);
  json.response_format = ResponseFormat::kJsonObject;
  EXPECT_THAT(ReplyTo(json, 1).content, testing::StartsWith("{"));
}

TEST(CoderTest, IsAFunctionOfTheSeedTheRequestAndTheChoice) {
  const ChatRequest request = RequestOf({.temperature = 0.8}, 1);
  EXPECT_EQ(ReplyTo(request, 1).content, ReplyTo(request, 1).content);
  EXPECT_NE(ReplyTo(request, 1).content, ReplyTo(request, 2).content);
  EXPECT_NE(ReplyTo(request, 1).content, ReplyTo(RequestOf({.temperature = 0.8}, 2), 1).content);
  ChatRequest two = request;
  two.n = 2;
  const Model& model = *FindModel(two.model);
  const auto choices = ReplyGenerator(1, {}).Generate(two, model, RenderPrompt(two, model.id));
  EXPECT_NE(choices[0].content, choices[1].content);
}

TEST(CoderTest, CarriesItsTagInTheFirstLineAndNoOther) {
  for (int64_t seed = 1; seed <= 60; ++seed) {
    const std::vector<std::string> answers = {ReplyTo(RequestOf({}, seed), 1).content};
    const std::string answer = ReplyTo(RequestOf({}, seed, answers), 1).content;
    EXPECT_THAT(answer.substr(0, answer.find('\n')), HasSubstr("[sim model=gpt-oss-120b"));
    size_t more = 0;
    EXPECT_EQ(FindDigests(answer, 10, &more).size(), 1u) << answer;
  }
}

TEST(CoderTest, CanBeSwitchedOffForAllOrForOnePrompt) {
  EXPECT_THAT(ReplyWith(RequestOf({}, 1), "coder=off").content, Not(HasSubstr(kFence)));
  EXPECT_THAT(ReplyWith(RequestOf({}, 1), "coder=on").content, HasSubstr(kFence));
  const AgentCall off = {.system = "Be brief. [personality coder=off]"};
  const AgentCall on = {.system = "Be brief. [personality coder=on]"};
  EXPECT_THAT(ReplyTo(RequestOf(off, 1), 1).content, Not(HasSubstr(kFence)));
  EXPECT_THAT(ReplyWith(RequestOf(on, 1), "coder=off").content, HasSubstr(kFence));
}

TEST(CoderTest, AnswersAreOfSeveralShapes) {
  int thoughts = 0;
  int several_blocks = 0;
  int one_block = 0;
  for (int64_t seed = 1; seed <= 200; ++seed) {
    const std::string answer = ReplyTo(RequestOf({}, seed), 1).content;
    const size_t first = answer.find(kFence);
    const size_t blocks = static_cast<size_t>(std::count(answer.begin(), answer.end(), '`') / 6);
    ASSERT_NE(first, std::string::npos);
    thoughts += absl::StrContains(answer, "\n<think>\n") ? 1 : 0;
    several_blocks += blocks > 1 ? 1 : 0;
    one_block += blocks == 1 ? 1 : 0;
  }
  EXPECT_GT(thoughts, 2);
  EXPECT_GT(several_blocks, 20);
  EXPECT_GT(one_block, 80);
}

// Situation: limits below what an answer takes. Outcome: the code ends in the middle, as the service would have it, and
// the more is thought the less of it there is.
TEST(CoderTest, AToTightLimitCutsTheCodeOff) {
  AgentCall call = {.effort = "low", .max_completion_tokens = 250};
  const ReplyChoice cut = ReplyTo(RequestOf(call, 1), 1);
  EXPECT_STREQ(cut.finish_reason, "length");
  EXPECT_EQ(cut.completion_tokens, 250);
  EXPECT_THAT(cut.content, HasSubstr("def calculate_user_metrics"));
  EXPECT_THAT(cut.content, Not(HasSubstr("\"active_count\": len(")));
  call.effort = "high";
  const ReplyChoice thought = ReplyTo(RequestOf(call, 1), 1);
  EXPECT_EQ(thought.reasoning_tokens, 250);
  EXPECT_EQ(thought.content, "");
  call.max_completion_tokens = 4000;
  EXPECT_STREQ(ReplyTo(RequestOf(call, 1), 1).finish_reason, "stop");
}

TEST(CoderTest, StopTextsAndLastLinesWorkAsElsewhere) {
  ChatRequest request = RequestOf({.system = "End with a line \"Confidence: 0.00\"."}, 1);
  EXPECT_THAT(ReplyTo(request, 1).content, HasSubstr("\nConfidence: 0."));
  request.stop = {kFence};
  EXPECT_THAT(ReplyTo(request, 1).content, Not(HasSubstr(kFence)));
}

TEST(CoderTest, ProgramsVaryInStyle) {
  std::set<std::string> programs;
  for (uint64_t seed = 0; seed < 200; ++seed) {
    programs.insert(PythonOf(MakeProgram(IssueSet().set(), 1, seed)));
  }
  EXPECT_GT(programs.size(), 150u);
}

TEST(CoderTest, AProgramTakesCareOfWhatItIsToldToAndOfNothingElse) {
  for (uint64_t seed = 0; seed < 2048; ++seed) {
    const IssueSet handled(seed);
    EXPECT_EQ(HandledBy(MakeProgram(handled, seed, seed + 1)), handled);
  }
}

TEST(CoderJudgeTest, RatersScoresFollowTheCode) {
  double good = 0;
  double bad = 0;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto answer = [&](const IssueSet& handled) {
      return absl::StrCat("```python\n", PythonOf(MakeProgram(handled, seed, seed)), "```");
    };
    good += WorthOf(answer(IssueSet().set()), seed).value_or(-1) / 50;
    bad += WorthOf(answer(IssueSet(7)), seed).value_or(2) / 50;
  }
  EXPECT_GT(good, 0.85);
  EXPECT_LT(bad, 0.45);
  EXPECT_FALSE(WorthOf("no code", 1).has_value());
}

// Situation: code with a single fault. Outcome: most critics name it, and few name what is right.
TEST(CoderJudgeTest, CriticsNameMostOfWhatIsWrong) {
  for (const Issue issue : kIssues) {
    int right = 0;
    int wrong = 0;
    for (uint64_t seed = 0; seed < 100; ++seed) {
      const Program program = MakeProgram(IssueSet().set().reset(IndexOf(issue)), seed, seed);
      const IssueSet said = IssuesNamedIn(
          FaultsNoticedIn(absl::StrCat("```python\n", PythonOf(program), "```"), seed));
      right += said[IndexOf(issue)] ? 1 : 0;
      wrong += static_cast<int>(said.count()) - (said[IndexOf(issue)] ? 1 : 0);
    }
    EXPECT_GT(right, 40) << CheckOf(issue);
    EXPECT_LT(wrong, 80) << CheckOf(issue);
  }
  EXPECT_EQ(FaultsNoticedIn("no code", 1), "");
}

}  // namespace
}  // namespace moa::simulator::coder
