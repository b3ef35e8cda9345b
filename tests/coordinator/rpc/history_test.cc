#include "coordinator/rpc/history.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// A job that has ended, with the conversation and the answer given.
std::unique_ptr<JobMachine> EndedJob(std::vector<Message> messages, const std::string& answer,
                                     JobState state = JobState::kSucceeded) {
  JobSpec spec{.messages = std::move(messages)};
  spec.moa.aggregator.model = "gpt-oss-120b";
  auto machine = std::make_unique<JobMachine>(JobId("J1"), Compile(spec, {}), JobOptions());
  TaskResult result{.task = 0, .model = "gpt-oss-120b", .state = TaskState::kSucceeded};
  result.completion.content = Text(answer);
  uint64_t sequence = 0;
  for (decltype(Record::what) what :
       {decltype(Record::what)(JobAccepted{}), decltype(Record::what)(LayerStarted{.stage = 0}),
        decltype(Record::what)(TaskFinished{.result = result}),
        decltype(Record::what)(JobEnded{.state = state})}) {
    EXPECT_TRUE(machine->Replay({.sequence = ++sequence, .time = absl::Now(), .what = what}).ok());
  }
  return machine;
}

v1::JobSpec Asking(const std::string& prompt) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content(prompt);
  return job;
}

Message Said(Role role, const std::string& text) { return {.role = role, .content = Text(text)}; }

TEST(HistoryTest, TheConversationAndTheAnswerComeFirst) {
  const auto earlier =
      EndedJob({Said(Role::kSystem, "Be brief."), Said(Role::kUser, "Who?")}, "Ada.");
  v1::JobSpec job = Asking("When?");
  ASSERT_TRUE(PrependHistory(*earlier, &job).ok());
  ASSERT_EQ(job.messages_size(), 4);
  EXPECT_EQ(job.messages(0).content(), "Be brief.");
  EXPECT_EQ(job.messages(2).role(), v1::ROLE_ASSISTANT);
  EXPECT_EQ(job.messages(2).content(), "Ada.");
  EXPECT_EQ(job.messages(3).content(), "When?");
}

TEST(HistoryTest, TheOldestTurnsAreLeftOutWhenThereAreTooMany) {
  std::vector<Message> messages = {Said(Role::kSystem, "Be brief.")};
  for (int turn = 0; turn < 300; ++turn) {
    messages.push_back(Said(Role::kUser, absl::StrCat("question ", turn)));
    messages.push_back(Said(Role::kAssistant, absl::StrCat("answer ", turn)));
  }
  messages.push_back(Said(Role::kUser, "last question"));
  v1::JobSpec job = Asking("next");
  ASSERT_TRUE(PrependHistory(*EndedJob(messages, "last answer"), &job).ok());
  EXPECT_LE(job.messages_size(), kHistoryMessagesMax + 1);
  EXPECT_GE(job.messages_size(), kHistoryMessagesMax - 1);
  EXPECT_EQ(job.messages(0).content(), "Be brief.");
  EXPECT_EQ(job.messages(1).role(), v1::ROLE_USER) << "a turn is left out whole";
  EXPECT_EQ(job.messages(job.messages_size() - 2).content(), "last answer");
}

TEST(HistoryTest, TheirBytesAreBoundedButTheLastTurnStays) {
  const std::string large(kHistoryBytesMax / 2, 'x');
  const auto earlier = EndedJob(
      {Said(Role::kUser, large), Said(Role::kAssistant, large), Said(Role::kUser, large + large)},
      "answer");
  v1::JobSpec job = Asking("next");
  ASSERT_TRUE(PrependHistory(*earlier, &job).ok());
  ASSERT_EQ(job.messages_size(), 3);
  EXPECT_EQ(job.messages(0).content().size(), 2 * large.size());
}

TEST(HistoryTest, OnlyAnswersOfTheSameTenantCanBeFollowed) {
  v1::JobSpec job = Asking("next");
  job.set_tenant("other");
  EXPECT_FALSE(PrependHistory(*EndedJob({Said(Role::kUser, "q")}, "a"), &job).ok());
  job.clear_tenant();
  EXPECT_FALSE(
      PrependHistory(*EndedJob({Said(Role::kUser, "q")}, "a", JobState::kFailed), &job).ok());
  EXPECT_EQ(job.messages_size(), 1);
}

}  // namespace
}  // namespace moa
