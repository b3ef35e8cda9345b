// The auditor is given histories with one thing wrong in each: what it would not find, nobody would.

#include "tests/chaos/audit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/chaos/chaos_job.h"

namespace moa::chaos {
namespace {

using testing::HasSubstr;

constexpr int64_t kSecond = 1'000'000;

std::string DigestOf(int64_t job, uint32_t task) { return absl::StrCat("d", job, ".", task); }
std::string AnswerOf(int64_t job, uint32_t task) { return absl::StrCat("a", job, ".", task); }

// A job that went as it should: in the fetched form, in the store, at its client and at the provider.
void AddJob(int64_t number, History& history) {
  const ChaosJob shape = ShapeOf(number);
  const std::string id = absl::StrCat("job-", number);
  FetchedJob fetched{.id = id, .state = v1::JOB_STATE_SUCCEEDED};
  StoredHistory stored{.id = id,
                       .key = KeyOf(1, number),
                       .ends = 1,
                       .end_is_last = true,
                       .end_state = v1::JOB_STATE_SUCCEEDED};
  ClientJob client{.number = number,
                   .id = id,
                   .acknowledged_us = number * kSecond,
                   .ended_us = (number + 1) * kSecond,
                   .state_heard = v1::JOB_STATE_SUCCEEDED,
                   .ids = {id}};
  uint32_t index = 0;
  std::vector<std::string> before;
  for (int layer = 0; layer <= shape.layers; ++layer) {
    std::vector<TaskRecord> stage;
    std::vector<std::string> digests;
    for (int agent = 0; agent < (layer < shape.layers ? shape.agents : 1); ++agent, ++index) {
      const std::string digest = DigestOf(number, index);
      const std::string answer = AnswerOf(number, index);
      stage.push_back({.index = index,
                       .state = v1::TASK_STATE_SUCCEEDED,
                       .digest = digest,
                       .saw = before,
                       .answer = answer,
                       .expected_digest = digest});
      stored.finished[index] = 1;
      stored.answers[index] = answer;
      history.calls.push_back({.run = 1,
                               .sequence = history.calls.size() + 1,
                               .mark = MarkOf(number),
                               .digest = digest,
                               .answer = answer,
                               .began_us = number * kSecond + index * 1000,
                               .ended_us = number * kSecond + index * 1000 + 900,
                               .status = 200,
                               .outcome = "completed"});
      digests.push_back(digest);
      fetched.answer = answer;
    }
    before = digests;
    fetched.stages.push_back(std::move(stage));
  }
  for (uint64_t sequence = 1; sequence <= index + 3; ++sequence) {
    stored.sequences.push_back(sequence);
    client.events.push_back({0, sequence});
  }
  history.jobs.push_back(std::move(client));
  history.fetched.push_back(std::move(fetched));
  history.stored.push_back(std::move(stored));
}

class AuditTest : public testing::Test {
 protected:
  AuditTest() {
    for (int64_t number = 0; number < 12; ++number) AddJob(number, history_);
  }

  // Exactly this rule is broken.
  void ExpectFinding(const std::string& rule, const std::string& what) {
    const Audit audit = CheckHistory(history_);
    ASSERT_FALSE(audit.clean());
    for (const Finding& finding : audit.findings) EXPECT_EQ(finding.rule, rule) << finding.what;
    EXPECT_THAT(audit.findings.front().what, HasSubstr(what));
    EXPECT_GE(audit.counts.at(rule), 1);
  }

  FaultRecord StruckAt(int64_t at_us, bool provider) const {
    return {.kind = "some-fault",
            .struck_us = at_us,
            .undone_us = at_us,
            .healing_us = at_us,
            .strikes_provider = provider};
  }

  History history_;
};

TEST_F(AuditTest, PassesACleanHistory) {
  const Audit audit = CheckHistory(history_);
  EXPECT_TRUE(audit.clean()) << audit.findings.front().what;
  EXPECT_EQ(audit.jobs, 12);
  EXPECT_EQ(audit.answers_checked, static_cast<int64_t>(history_.calls.size()));
  EXPECT_EQ(audit.repeated, 0);
}

TEST_F(AuditTest, FindsAJobThatIsNotInTheStore) {
  history_.stored.erase(history_.stored.begin() + 3);
  ExpectFinding("lost", "not in the store");
}

TEST_F(AuditTest, FindsAJobThatCannotBeFetched) {
  history_.fetched[2] = {.id = "job-2", .trouble = "NOT_FOUND"};
  history_.calls.clear();  // else its prompts would not matter either
  for (int64_t number : {0, 1}) AddJob(number + 100, history_);
  const Audit audit = CheckHistory(history_);
  EXPECT_GE(audit.counts.at("lost"), 1);
}

TEST_F(AuditTest, FindsAJobWithoutAnEnd) {
  history_.stored[4].ends = 0;
  history_.stored[4].end_is_last = false;
  ExpectFinding("lost", "no terminal event");
}

TEST_F(AuditTest, FindsAnEndThatNoClientHeardOf) {
  history_.jobs[4].ended_us = 0;
  history_.jobs[4].trouble = "UNAVAILABLE";
  ExpectFinding("lost", "never heard of an end");
}

TEST_F(AuditTest, FindsASecondTerminalRecord) {
  history_.stored[5].ends = 2;
  ExpectFinding("duplicate", "2 terminal events");
}

TEST_F(AuditTest, FindsASecondJobOfOneKey) {
  history_.stored.push_back(history_.stored[5]);
  history_.stored.back().id = "job-99";
  ExpectFinding("duplicate", "has the key of job job-5");
}

TEST_F(AuditTest, FindsAKeyThatWasAcknowledgedAsTwoJobs) {
  history_.jobs[5].ids.push_back("job-99");
  ExpectFinding("duplicate", "also acknowledged as job-99");
}

TEST_F(AuditTest, FindsASecondResultOfATask) {
  history_.stored[6].finished[1] = 2;
  ExpectFinding("duplicate", "task 1 has 2 results");
}

TEST_F(AuditTest, FindsAnotherEndThanWasHeard) {
  history_.jobs[6].state_heard = v1::JOB_STATE_FAILED;
  ExpectFinding("duplicate", "another end");
}

TEST_F(AuditTest, FindsAGapInTheStore) {
  history_.stored[7].sequences.erase(history_.stored[7].sequences.begin() + 2);
  history_.stored[7].sequences.push_back(99);
  ExpectFinding("sequence", "event 3 has the number 4");
}

TEST_F(AuditTest, FindsEventsAfterTheEnd) {
  history_.stored[7].end_is_last = false;
  ExpectFinding("sequence", "events after its end");
}

TEST_F(AuditTest, FindsASwappedAnswer) {
  std::swap(history_.fetched[8].stages[0][0].answer, history_.fetched[8].stages[0][1].answer);
  ExpectFinding("wrong answer", "the provider gave another text");
}

TEST_F(AuditTest, FindsAnAnswerOfAnotherJob) {
  TaskRecord& task = history_.fetched[8].stages[0][0];
  task.digest = DigestOf(7, 0);
  task.answer = AnswerOf(7, 0);
  const Audit audit = CheckHistory(history_);
  EXPECT_GE(audit.counts.at("wrong answer"), 1);
  EXPECT_THAT(audit.findings.front().what, HasSubstr("saw no such prompt"));
}

TEST_F(AuditTest, FindsReferencesInAnotherOrder) {
  std::vector<std::string>& saw = history_.fetched[8].stages[1][0].saw;
  std::swap(saw[0], saw[1]);
  ExpectFinding("wrong answer", "references on record");
}

TEST_F(AuditTest, FindsAPromptWithAChangedByte) {
  history_.fetched[8].stages[1][0].expected_digest = "another";
  ExpectFinding("wrong answer", "not the one that it should be");
}

TEST_F(AuditTest, FindsAnAnswerThatTheStoreHasNot) {
  history_.stored[8].answers[0] = "another";
  ExpectFinding("wrong answer", "another text than the store");
}

TEST_F(AuditTest, FindsAnAnswerThatIsNotTheAggregators) {
  history_.fetched[8].answer = AnswerOf(8, 0);
  ExpectFinding("wrong answer", "not the aggregator's");
}

TEST_F(AuditTest, FindsAPromptThatNoRecordCallsFor) {
  history_.calls.push_back(history_.calls.front());
  history_.calls.back().digest = "stray";
  ExpectFinding("wrong answer", "no record calls for");
}

TEST_F(AuditTest, FindsAGapInAWatch) {
  history_.jobs[9].events.erase(history_.jobs[9].events.begin() + 1);
  ExpectFinding("watch", "after event 1 came event 3");
}

TEST_F(AuditTest, FindsARepeatedEventAfterAReconnect) {
  auto& events = history_.jobs[9].events;
  events.insert(events.begin() + 2, {1, 2});
  ExpectFinding("watch", "event 2 came after event 2");
}

TEST_F(AuditTest, FindsAWatchThatEndsEarly) {
  history_.jobs[9].events.pop_back();
  ExpectFinding("watch", "the watcher's last event");
}

// A job may fail, or lose an agent, when calls were cut off in its life, and only then.
TEST_F(AuditTest, FindsAFailureOnlyWhereTheProviderWasNotStruck) {
  FetchedJob& failed = history_.fetched[10];
  failed.state = v1::JOB_STATE_FAILED;
  history_.stored[10].end_state = history_.jobs[10].state_heard = v1::JOB_STATE_FAILED;
  history_.faults = {StruckAt(10 * kSecond, false)};
  ExpectFinding("failed", "JOB_STATE_FAILED");
  history_.faults = {StruckAt(10 * kSecond, true)};
  const Audit audit = CheckHistory(history_);
  EXPECT_TRUE(audit.clean());
  EXPECT_EQ(audit.failed_rightly, 1);
}

// A call is made again beside one that a fault cut off: that is the price. One more is not.
TEST_F(AuditTest, FindsMoreRepeatedCallsThanWereUnderWay) {
  const int64_t at = history_.calls[0].began_us + 100;
  history_.faults = {StruckAt(at, false)};
  history_.calls.push_back(history_.calls[0]);
  history_.calls.back().began_us += 2000;
  const Audit clean = CheckHistory(history_);
  EXPECT_TRUE(clean.clean());
  EXPECT_EQ(clean.repeated, 1);
  EXPECT_EQ(clean.exposed, 1);
  EXPECT_EQ(clean.by_fault.at("some-fault").repeated, 1);
  history_.calls.push_back(history_.calls[1]);
  history_.calls.back().began_us += 2000;
  ExpectFinding("repeated call", "2 calls beyond one a task, and 1 were under way");
}

// A call without an end was cut off when its simulator died, which is before the next one began.
TEST_F(AuditTest, CountsCallsThatDiedWithTheSimulatorUntilItsSuccessor) {
  history_.calls[0].ended_us = 0;
  history_.calls.push_back(history_.calls[0]);
  history_.calls.back().run = history_.calls[0].began_us + 500;
  history_.calls.back().began_us = history_.calls[0].began_us + 5000;
  history_.calls.back().ended_us = history_.calls[0].began_us + 6000;
  history_.faults = {StruckAt(history_.calls[0].began_us + 400, true)};
  const Audit audit = CheckHistory(history_);
  EXPECT_TRUE(audit.clean());
  EXPECT_EQ(audit.exposed, 1);
}

// What was paused may send what it had been told to send before: that counts as under way when it comes back.
TEST_F(AuditTest, CountsCallsAtTheReturnOfWhatComesBack) {
  FaultRecord fault = StruckAt(history_.calls[1].began_us - 50, false);
  fault.undone_us = history_.calls[1].began_us + 100;
  history_.faults = {fault};
  EXPECT_EQ(CheckHistory(history_).exposed, 0);
  history_.faults[0].comes_back = true;
  EXPECT_EQ(CheckHistory(history_).exposed, 1);
}

TEST_F(AuditTest, FindsAProgramThatCrashed) {
  history_.ends = {{.node = "coordinator-1", .status = 1, .last_words = "fenced"}};
  EXPECT_TRUE(CheckHistory(history_).clean());
  history_.ends.push_back({.node = "worker-2", .status = 128 + 11, .last_words = "…"});
  ExpectFinding("crash", "signal 11");
}

}  // namespace
}  // namespace moa::chaos
