#include "simulator/coder_brief.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/judge_prompt.h"
#include "coordinator/engine/prompt.h"
#include "simulator/coder_program.h"
#include "tests/simulator/coder_rig.h"

namespace moa::simulator::coder {
namespace {

IssueSet Set(std::initializer_list<Issue> issues) {
  IssueSet set;
  for (const Issue issue : issues) set.set(IndexOf(issue));
  return set;
}

// An answer whose code takes care of `handled`, with words around it.
std::string Answer(const IssueSet& handled, const std::string& words = "I hope it helps.") {
  return absl::StrCat("Here it is.\n\n```python\n", PythonOf(MakeProgram(handled, 1, 2)), "```\n\n",
                      words, "\n");
}

Brief BriefOf(std::vector<ChatMessage> messages) {
  ChatRequest request;
  request.messages = std::move(messages);
  return ReadBrief(request);
}

TEST(CoderIssuesTest, EachIssueIsNamedByItsCheckItsAdviceAndItsPraiseAndByNoOther) {
  for (const Issue issue : kIssues) {
    EXPECT_EQ(IssuesNamedIn(CheckOf(issue)), Set({issue})) << CheckOf(issue);
    EXPECT_EQ(IssuesNamedIn(AdviceOn(issue)), Set({issue})) << AdviceOn(issue);
    EXPECT_EQ(IssuesNamedIn(PraiseOf(issue)), Set({issue})) << PraiseOf(issue);
  }
  EXPECT_TRUE(IssuesNamedIn("Be careful and write good code.").none());
  EXPECT_TRUE(IssuesNamedIn(kTask).none());
  EXPECT_EQ(IssuesNamedIn("Mind Division-by\n  zero."), Set({Issue::kDivision}));
}

TEST(CoderIssuesTest, KnowsWhenTheNameIsToBeKept) {
  EXPECT_TRUE(AsksToKeepTheName("Keep the requested names\nand return values exactly."));
  EXPECT_TRUE(AsksToKeepTheName("Give the whole function under its given name."));
  EXPECT_FALSE(AsksToKeepTheName(kTask));
}

TEST(CoderBriefTest, NamesCountInInstructionsAndNotInReferences) {
  const Brief plain = BriefOf({{"user", kTask, "", 0}});
  EXPECT_TRUE(plain.named.none());
  EXPECT_TRUE(plain.references.empty());
  const Brief told = BriefOf({{"system", "Mind missing keys. Keep the name.", "", 0},
                              {"user", absl::StrCat(kTask, " Mind an empty list."), "", 0}});
  EXPECT_EQ(told.named, Set({Issue::kKeys, Issue::kEmpty}));
  EXPECT_TRUE(told.criticised.none());
  EXPECT_TRUE(told.keeps_name);
  EXPECT_EQ(told.references.size(), 0u);
}

// Situation: references as the engine renders them, one of them without code. Outcome: what each takes care of is read
// off its code; what its words name is argued, but not an instruction.
TEST(CoderBriefTest, ReadsTheReferencesOfATrailingMessage) {
  const IssueSet first = Set({Issue::kKeys, Issue::kSorting});
  const IssueSet second = Set({Issue::kDates});
  const Text shown = RenderReferencesMessage(
      {{Text(Answer(first, "Note that missing keys and division by zero are no problem."))},
       {Text("I would rather talk about division by zero.")},
       {Text(Answer(second))}});
  const Brief brief = BriefOf({{"user", kTask, "", 0}, {"user", std::string(shown.view()), "", 0}});
  ASSERT_EQ(brief.references.size(), 2u);
  EXPECT_EQ(brief.references[0].handled, first);
  EXPECT_EQ(brief.references[0].argued, Set({Issue::kKeys}));
  EXPECT_EQ(brief.references[1].handled, second);
  EXPECT_TRUE(brief.references[1].argued.none());
  EXPECT_EQ(brief.references_without_code, 1u);
  EXPECT_TRUE(brief.named.none()) << brief.named;
}

TEST(CoderBriefTest, ReadsReferencesWithinASystemPrompt) {
  const Text list =
      RenderReferenceList({{Text(Answer(Set({Issue::kKeys})))},
                           {Text(Answer(Set({Issue::kDates}), "Fewer than five pass."))}});
  const Text system = SubstituteReferences(
      Text("Mind an empty list.\n\n{helper_response}\n\nMind the sorting direction."), list);
  const Brief brief =
      BriefOf({{"system", std::string(system.view()), "", 0}, {"user", kTask, "", 0}});
  ASSERT_EQ(brief.references.size(), 2u);
  EXPECT_EQ(brief.references[1].handled, Set({Issue::kDates}));
  EXPECT_EQ(brief.named, Set({Issue::kEmpty, Issue::kSorting}));
}

TEST(CoderBriefTest, ReadsCriticsFeedbackAsTheEngineRendersIt) {
  const Text feedback = RenderFeedback({JudgedAnswer{
      .content = Text(Answer(Set({Issue::kKeys}), "Division by zero is no problem.")),
      .feedback = {{"critic", "It fails for an empty list, and mutates its input."}}}});
  const Brief brief = BriefOf({{"system", "Mind missing keys.", "", 0},
                               {"user", kTask, "", 0},
                               {"user", std::string(feedback.view()), "", 0}});
  ASSERT_EQ(brief.references.size(), 1u);
  EXPECT_EQ(brief.references[0].handled, Set({Issue::kKeys}));
  EXPECT_EQ(brief.criticised, Set({Issue::kEmpty, Issue::kMutation}));
  EXPECT_EQ(brief.named, Set({Issue::kEmpty, Issue::kMutation, Issue::kKeys}));
}

TEST(CoderBriefTest, WhatAUserSaysToAnAnswerIsFeedback) {
  const Brief brief =
      BriefOf({{"user", kTask, "", 0},
               {"assistant", Answer(Set({Issue::kKeys})), "", 0},
               {"user", "The grader says: handles_invalid_dates: 2 of 5, an exception", "", 0}});
  ASSERT_EQ(brief.references.size(), 1u);
  EXPECT_EQ(brief.criticised, Set({Issue::kDates}));
}

TEST(CoderBriefTest, TheQuestionIsWhatTheUserAsksFirst) {
  const Brief first = BriefOf({{"system", "a", "", 0}, {"user", kTask, "", 0}});
  const Brief second =
      BriefOf({{"system", "b", "", 0}, {"user", kTask, "", 0}, {"user", "more", "", 0}});
  EXPECT_EQ(first.question, second.question);
  EXPECT_NE(first.question, BriefOf({{"user", "another", "", 0}}).question);
}

}  // namespace
}  // namespace moa::simulator::coder
