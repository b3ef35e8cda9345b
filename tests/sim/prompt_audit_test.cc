#include "tests/sim/prompt_audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace moa::sim {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

JobSpec TwoAgents(const std::string& aggregator_prompt) {
  JobSpec spec;
  spec.messages.push_back({.role = Role::kUser, .content = Text("question")});
  Layer layer;
  layer.cycles = 1;
  layer.agents.resize(2);
  for (Agent& agent : layer.agents) agent.samples = 1;
  spec.moa.layers.push_back(layer);
  spec.moa.aggregator.samples = 1;
  spec.moa.aggregator.system_prompt = Text(aggregator_prompt);
  return spec;
}

Record Answered(uint32_t task, const std::string& content) {
  TaskResult result;
  result.task = task;
  result.state = TaskState::kSucceeded;
  result.completion.content = Text(content);
  return {.sequence = 3 + task, .what = TaskFinished{result}};
}

Call Asked(const std::vector<std::string>& messages) {
  Call call;
  for (const std::string& text : messages) {
    call.messages.push_back({.role = Role::kUser, .content = Text(text)});
  }
  return call;
}

const char kBoth[] = "[Answer 1]\none\n\n[Answer 2]\ntwo";

class PromptAuditTest : public testing::Test {
 protected:
  const JobSpec spec_ = TwoAgents("");
  const std::vector<Record> records_ = {Answered(0, "one"), Answered(1, "two")};
};

TEST_F(PromptAuditTest, AcceptsExactlyTheAnswersOfTheStageBefore) {
  const Call call = Asked({"question", absl::StrCat("use these:\n", kBoth, "\nnow answer")});
  EXPECT_THAT(CheckCall(spec_, records_, 2, call), IsEmpty());
  EXPECT_THAT(CheckCall(spec_, records_, 0, Asked({"question"})), IsEmpty());
}

TEST_F(PromptAuditTest, FindsAMissingAnswer) {
  EXPECT_THAT(CheckCall(spec_, records_, 2, Asked({"question", "use:\n[Answer 1]\none"})),
              HasSubstr("not those on record"));
  EXPECT_THAT(CheckCall(spec_, records_, 2, Asked({"question"})), HasSubstr("messages"));
}

TEST_F(PromptAuditTest, FindsAnAnswerThatIsNotOnRecord) {
  const Call call = Asked({"question", absl::StrCat(kBoth, "\n\n[Answer 3]\nthree")});
  EXPECT_THAT(CheckCall(spec_, records_, 2, call), HasSubstr("more than"));
}

TEST_F(PromptAuditTest, FindsAnswersInAnotherOrder) {
  const Call call = Asked({"question", "[Answer 1]\ntwo\n\n[Answer 2]\none"});
  EXPECT_THAT(CheckCall(spec_, records_, 2, call), HasSubstr("not those on record"));
}

TEST_F(PromptAuditTest, FindsAnErrorText) {
  const Call call = Asked({"question", absl::StrCat(kBoth, " ", kErrorMark)});
  EXPECT_THAT(CheckCall(spec_, records_, 2, call), HasSubstr("error text"));
}

TEST_F(PromptAuditTest, FindsAChangedConversation) {
  EXPECT_THAT(CheckCall(spec_, records_, 0, Asked({"another question"})), HasSubstr("message 1"));
}

TEST_F(PromptAuditTest, ExpectsTheAnswersInPlaceWhereThePromptAsksForThem) {
  const JobSpec spec = TwoAgents("given {helper_response}.");
  Call call = Asked({absl::StrCat("given ", kBoth, "."), "question"});
  call.messages[0].role = Role::kSystem;
  EXPECT_THAT(CheckCall(spec, records_, 2, call), IsEmpty());
  call.messages.push_back({.role = Role::kUser, .content = Text(kBoth)});
  EXPECT_THAT(CheckCall(spec, records_, 2, call), HasSubstr("3 messages"));
}

}  // namespace
}  // namespace moa::sim
