#include "worker/rpc/attempt_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>

namespace moa::worker {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using upstream::ErrorCode;
using Verdict = AttemptTable::Verdict;
using Key = AttemptTable::Key;

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1);

AttemptRef Ref(uint32_t task, uint32_t attempt = 1) { return {"job", task, attempt, 7}; }

upstream::CallResult Reply(const std::string& content) {
  upstream::Completion completion;
  completion.content = content;
  upstream::CallResult result;
  result.outcome = std::move(completion);
  return result;
}

// A table on its first connection, which nothing was held before.
class AttemptTableTest : public testing::Test {
 protected:
  AttemptTableTest() : table_({.slots = 2, .held_results_max = 3, .held_bytes_max = 1 << 20}) {
    table_.BeginConnection();
    table_.Welcomed({}, {}, kStart);
  }
  ~AttemptTableTest() override { table_.CheckInvariants(); }

  Key Run(uint32_t task) {
    Key key = 0;
    EXPECT_EQ(table_.Admit(Ref(task), "hash", &key), Verdict::kStart);
    return key;
  }
  void RunAndFinish(uint32_t task) { EXPECT_TRUE(table_.Finish(Run(task), Reply("answer"))); }

  // What would be sent now: task indices, in order.
  std::vector<uint32_t> Report() {
    std::vector<uint32_t> tasks;
    for (const FinishedPtr& finished : table_.TakeUnreported(1 << 20)) {
      tasks.push_back(finished->ref.task_index);
    }
    return tasks;
  }

  AttemptTable table_;
};

TEST_F(AttemptTableTest, RunsUpToItsSlotsAndRefusesWhatIsBeyond) {
  Run(1);
  Run(2);
  Key key = 99;
  EXPECT_EQ(table_.Admit(Ref(3), "hash", &key), Verdict::kRefused);
  EXPECT_EQ(key, 0u);
  EXPECT_EQ(table_.running(), 2u);
  const std::vector<FinishedPtr> reports = table_.TakeUnreported(1000);
  ASSERT_THAT(reports, SizeIs(1));
  EXPECT_EQ(reports[0]->ref, Ref(3));
  EXPECT_EQ(reports[0]->result.error().error.code, ErrorCode::kWorkerLost);
  EXPECT_TRUE(reports[0]->result.error().retryable);
  EXPECT_EQ(table_.held_results(), 0u) << "nobody will say that a refusal is durable";
}

TEST_F(AttemptTableTest, ASlotIsFreeAgainOnceItsAttemptHasFinished) {
  RunAndFinish(1);
  RunAndFinish(2);
  Run(3);
  Run(4);
  EXPECT_EQ(table_.running(), 2u);
}

TEST_F(AttemptTableTest, ADuplicateRunTaskIsDroppedWhileItRunsAndWhileItsResultIsHeld) {
  const Key first = Run(1);
  Key key = 0;
  EXPECT_EQ(table_.Admit(Ref(1), "hash", &key), Verdict::kDuplicate);
  table_.Finish(first, Reply("answer"));
  EXPECT_THAT(Report(), ElementsAre(1));
  EXPECT_EQ(table_.Admit(Ref(1), "hash", &key), Verdict::kDuplicate);
  EXPECT_THAT(Report(), IsEmpty()) << "reported once a connection";
}

TEST_F(AttemptTableTest, AttemptsAreToldApartByEveryPartOfTheirReference) {
  Key key = 0;
  EXPECT_EQ(table_.Admit({"job", 1, 1, 7}, "", &key), Verdict::kStart);
  EXPECT_EQ(table_.FindRunning({"job", 1, 1, 7}), key);
  EXPECT_EQ(table_.FindRunning({"other", 1, 1, 7}), 0u);
  EXPECT_EQ(table_.FindRunning({"job", 2, 1, 7}), 0u);
  EXPECT_EQ(table_.FindRunning({"job", 1, 2, 7}), 0u);
  EXPECT_EQ(table_.FindRunning({"job", 1, 1, 8}), 0u);
}

TEST_F(AttemptTableTest, AResultIsReportedOnceAndHeldUntilItIsDurable) {
  RunAndFinish(1);
  EXPECT_THAT(Report(), ElementsAre(1));
  EXPECT_THAT(Report(), IsEmpty());
  EXPECT_EQ(table_.held_results(), 1u);
  table_.MarkDurable(Ref(1));
  EXPECT_EQ(table_.held_results(), 0u);
  table_.MarkDurable(Ref(1));  // again: nothing
}

TEST_F(AttemptTableTest, UnknownReferencesAndKeysChangeNothing) {
  const Key key = Run(1);
  table_.MarkDurable(Ref(1));  // runs, so it cannot be durable
  table_.MarkDurable(Ref(9));
  EXPECT_EQ(table_.FindRunning(Ref(9)), 0u);
  EXPECT_FALSE(table_.Finish(12345, Reply("x")));
  EXPECT_EQ(table_.running(), 1u);
  EXPECT_TRUE(table_.Finish(key, Reply("x")));
  EXPECT_FALSE(table_.Finish(key, Reply("y"))) << "finished once";
  EXPECT_EQ(table_.FindRunning(Ref(1)), 0u);
}

TEST_F(AttemptTableTest, CancelledAttemptsAreReportedAndNotHeld) {
  table_.Finish(Run(1), MakeErrorResult(ErrorCode::kCancelled, "cancelled", false));
  EXPECT_THAT(Report(), ElementsAre(1));
  EXPECT_EQ(table_.held_results(), 0u);
}

TEST_F(AttemptTableTest, ReportsComeInBatchesLimitedByBytesAndNeverEmpty) {
  for (const uint32_t task : {1, 2, 3}) {
    table_.Finish(Run(task), Reply(std::string(1000, 'x')));
  }
  EXPECT_THAT(table_.TakeUnreported(1), SizeIs(1));
  EXPECT_THAT(table_.TakeUnreported(3000), SizeIs(2));
  EXPECT_FALSE(table_.has_unreported());
}

TEST_F(AttemptTableTest, AReconnectNamesWhatRunsAndWhatIsNotDurable) {
  const Key running = Run(1);
  RunAndFinish(2);
  Report();
  table_.LoseConnection(kStart);
  const std::vector<AttemptTable::Held> held = table_.BeginConnection();
  ASSERT_THAT(held, SizeIs(2));
  EXPECT_EQ(held[0].ref, Ref(1));
  EXPECT_EQ(held[0].finished, nullptr);
  EXPECT_EQ(held[0].input_hash, "hash");
  EXPECT_EQ(held[1].ref, Ref(2));
  ASSERT_NE(held[1].finished, nullptr);
  EXPECT_THAT(table_.Welcomed({Ref(1), Ref(2)}, {}, kStart), IsEmpty());
  EXPECT_THAT(Report(), IsEmpty()) << "Hello carried the result";
  table_.Finish(running, Reply("late"));
  EXPECT_THAT(Report(), ElementsAre(1));
}

TEST_F(AttemptTableTest, WhatWelcomeDoesNotKeepIsClosedAndForgotten) {
  const Key running = Run(1);
  RunAndFinish(2);
  table_.LoseConnection(kStart);
  table_.BeginConnection();
  EXPECT_THAT(table_.Welcomed({}, {}, kStart), ElementsAre(running));
  EXPECT_EQ(table_.running(), 0u);
  EXPECT_EQ(table_.held_results(), 0u);
  EXPECT_FALSE(table_.Finish(running, Reply("too late")));
  EXPECT_THAT(Report(), IsEmpty());
}

// The call ends after Hello said that it runs and before Welcome: it is reported after Welcome.
TEST_F(AttemptTableTest, AResultBetweenHelloAndWelcomeIsReportedWhenKept) {
  const Key key = Run(1);
  table_.LoseConnection(kStart);
  table_.BeginConnection();
  table_.Finish(key, Reply("between"));
  EXPECT_THAT(table_.Welcomed({Ref(1)}, {}, kStart), IsEmpty());
  EXPECT_THAT(Report(), ElementsAre(1));
}

TEST_F(AttemptTableTest, AResultBetweenHelloAndWelcomeIsForgottenWhenNotKept) {
  const Key key = Run(1);
  table_.LoseConnection(kStart);
  table_.BeginConnection();
  table_.Finish(key, Reply("between"));
  EXPECT_THAT(table_.Welcomed({}, {}, kStart), IsEmpty()) << "no call is left to close";
  EXPECT_THAT(Report(), IsEmpty());
  EXPECT_EQ(table_.held_results(), 0u);
}

TEST_F(AttemptTableTest, CallsGoOnWithoutAConnectionUntilTheOrphanLimit) {
  const Key running = Run(1);
  RunAndFinish(2);
  EXPECT_EQ(table_.orphan_deadline(), absl::InfiniteFuture());
  table_.LoseConnection(kStart);
  EXPECT_EQ(table_.orphan_deadline(), kStart + absl::Seconds(60));
  table_.LoseConnection(kStart + absl::Seconds(50));  // a failed try does not extend it
  EXPECT_THAT(table_.ExpireOrphans(kStart + absl::Seconds(59)), IsEmpty());
  EXPECT_THAT(table_.ExpireOrphans(kStart + absl::Seconds(60)), ElementsAre(running));
  EXPECT_EQ(table_.running(), 0u);
  EXPECT_EQ(table_.held_results(), 1u) << "results cost no slot and stay";
  EXPECT_EQ(table_.orphan_deadline(), absl::InfiniteFuture());
}

TEST_F(AttemptTableTest, WhatWasCancelledWithoutAConnectionIsNotHeld) {
  const Key key = Run(1);
  table_.LoseConnection(kStart);
  table_.Finish(key, MakeErrorResult(ErrorCode::kCancelled, "", false));
  EXPECT_THAT(table_.BeginConnection(), IsEmpty());
}

TEST_F(AttemptTableTest, FailuresAreHeldLikeReplies) {
  table_.Finish(Run(1), MakeErrorResult(ErrorCode::kInvalidRequest, "bad", false));
  Report();
  table_.LoseConnection(kStart);
  EXPECT_THAT(table_.BeginConnection(), SizeIs(1));
}

TEST_F(AttemptTableTest, HeldResultsAreBoundedAndTheOldestGo) {
  for (uint32_t task = 1; task <= 5; ++task) {
    RunAndFinish(task);
    Report();
  }
  EXPECT_EQ(table_.held_results(), 3u);
  EXPECT_EQ(table_.dropped_results(), 2u);
  table_.LoseConnection(kStart);
  const std::vector<AttemptTable::Held> held = table_.BeginConnection();
  ASSERT_THAT(held, SizeIs(3));
  EXPECT_EQ(held[0].ref, Ref(3));
}

TEST_F(AttemptTableTest, WhatTheConnectionHasNotBeenToldIsNeverDropped) {
  for (uint32_t task = 1; task <= 5; ++task) RunAndFinish(task);
  EXPECT_THAT(Report(), ElementsAre(1, 2, 3, 4, 5));
}

TEST_F(AttemptTableTest, DrainingRefusesNewTasksAndKeepsTheRunningOnes) {
  Run(1);
  table_.StartDraining();
  Key key = 0;
  EXPECT_EQ(table_.Admit(Ref(2), "hash", &key), Verdict::kRefused);
  EXPECT_EQ(table_.running(), 1u);
  EXPECT_THAT(Report(), ElementsAre(2));
}

TEST_F(AttemptTableTest, HandingBackEndsWhatRunsAsLostAndRetryable) {
  const Key first = Run(1);
  const Key second = Run(2);
  EXPECT_THAT(table_.HandBack(), ElementsAre(first, second));
  EXPECT_EQ(table_.running(), 0u);
  for (const FinishedPtr& finished : table_.TakeUnreported(1 << 20)) {
    EXPECT_EQ(finished->result.error().error.code, ErrorCode::kWorkerLost);
    EXPECT_TRUE(finished->result.error().retryable);
  }
  EXPECT_EQ(table_.held_results(), 0u);
}

// Situation: the coordinator is back and does not own these jobs. Until somebody claims them they go on, unreported.
TEST_F(AttemptTableTest, WhatIsUndecidedGoesOnAndIsReportedOnceItIsClaimed) {
  const Key running = Run(1);
  RunAndFinish(2);
  table_.LoseConnection(kStart);
  table_.BeginConnection();
  EXPECT_THAT(table_.Welcomed({}, {Ref(1), Ref(2)}, kStart), IsEmpty());
  EXPECT_THAT(table_.OnOffer(), SizeIs(2));
  EXPECT_THAT(Report(), IsEmpty());
  EXPECT_TRUE(table_.Finish(running, Reply("answer")));
  EXPECT_THAT(Report(), IsEmpty());
  EXPECT_TRUE(table_.Claim(Ref(2)));
  EXPECT_TRUE(table_.Claim(Ref(2))) << "once more changes nothing";
  EXPECT_THAT(Report(), ElementsAre(2u));
  EXPECT_TRUE(table_.Claim(Ref(1)));
  EXPECT_THAT(Report(), ElementsAre(1u));
  EXPECT_THAT(table_.OnOffer(), IsEmpty());
  EXPECT_FALSE(table_.Claim(Ref(3)));
}

TEST_F(AttemptTableTest, WhatNobodyClaimsIsGoneAtTheOrphanLimitResultsToo) {
  const Key running = Run(1);
  RunAndFinish(2);
  table_.LoseConnection(kStart);
  table_.BeginConnection();
  table_.Welcomed({}, {Ref(1), Ref(2)}, kStart + absl::Seconds(10));
  EXPECT_EQ(table_.orphan_deadline(), kStart + absl::Seconds(60)) << "from when it was lost";
  EXPECT_THAT(table_.ExpireOrphans(kStart + absl::Seconds(60)), ElementsAre(running));
  EXPECT_THAT(table_.OnOffer(), IsEmpty());
  EXPECT_EQ(table_.held_results(), 0u);
}

TEST_F(AttemptTableTest, ATryToConnectThatFailsDoesNotPutTheOrphanLimitOff) {
  Run(1);
  table_.LoseConnection(kStart);
  table_.BeginConnection();
  table_.LoseConnection(kStart + absl::Seconds(30));
  EXPECT_EQ(table_.orphan_deadline(), kStart + absl::Seconds(60));
}

TEST_F(AttemptTableTest, WhatALostCoordinatorLeftGoesOnForAnother) {
  AttemptTable other({.slots = 1});
  other.BeginConnection();
  other.Welcomed({}, {}, kStart);
  const Key running = Run(1);
  RunAndFinish(2);
  EXPECT_THAT(table_.OnOffer(), IsEmpty()) << "it is connected";
  EXPECT_FALSE(table_.TakeOffered(Ref(1)).has_value());
  const uint64_t before = table_.offer_version();
  table_.LoseConnection(kStart);
  EXPECT_NE(table_.offer_version(), before);
  EXPECT_THAT(table_.OnOffer(), SizeIs(2));

  std::optional<AttemptTable::Moved> moved = table_.TakeOffered(Ref(1));
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(moved->key, running);
  const Key there = other.Adopt(std::move(moved->held));
  moved = table_.TakeOffered(Ref(2));
  ASSERT_TRUE(moved.has_value());
  EXPECT_EQ(moved->key, 0u) << "nothing runs";
  other.Adopt(std::move(moved->held));
  EXPECT_FALSE(table_.TakeOffered(Ref(1)).has_value());
  EXPECT_THAT(table_.BeginConnection(), IsEmpty());

  std::vector<FinishedPtr> reported = other.TakeUnreported(1 << 20);
  ASSERT_THAT(reported, SizeIs(1));
  EXPECT_EQ(reported[0]->ref, Ref(2));
  EXPECT_TRUE(other.Finish(there, Reply("answer")));
  EXPECT_THAT(other.TakeUnreported(1 << 20), SizeIs(1));
  other.CheckInvariants();
}

TEST_F(AttemptTableTest, AClaimOfWhatIsNotThereIsAnsweredAsLost) {
  table_.RefuseClaim(Ref(5));
  const std::vector<FinishedPtr> reported = table_.TakeUnreported(1 << 20);
  ASSERT_THAT(reported, SizeIs(1));
  EXPECT_EQ(reported[0]->result.error().error.code, ErrorCode::kWorkerLost);
  EXPECT_EQ(table_.held_results(), 0u);
}

// Every order of events: invariants hold, and no attempt is reported twice on one connection.
TEST(AttemptTableRandomTest, InvariantsHoldUnderEveryOrderOfEvents) {
  for (uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    AttemptTable table({.slots = 3, .held_results_max = 4, .held_bytes_max = 8192});
    std::vector<Key> keys;
    std::set<AttemptRef> reported;
    absl::Time now = kStart;
    bool welcomed = false;
    for (int step = 0; step < 300; ++step) {
      now += absl::Seconds(random() % 20);
      const AttemptRef ref = Ref(random() % 12);
      Key key = 0;
      switch (random() % 10) {
        case 0:
        case 1:
          if (!welcomed) break;
          if (table.Admit(ref, "h", &key) != Verdict::kDuplicate) reported.erase(ref);
          if (key != 0) keys.push_back(key);
          break;
        case 2:
        case 3:
          if (keys.empty()) break;
          table.Finish(keys[random() % keys.size()], Reply(std::string(random() % 3000, 'x')));
          break;
        case 4:
          table.MarkDurable(ref);
          break;
        case 5:
          if (!welcomed) break;
          for (const FinishedPtr& finished : table.TakeUnreported(random() % 4000)) {
            ASSERT_TRUE(reported.insert(finished->ref).second) << "seed " << seed;
          }
          break;
        case 6:
          table.LoseConnection(now);
          welcomed = false;
          table.ExpireOrphans(now + absl::Seconds(random() % 100));
          break;
        case 7: {
          if (welcomed) break;
          std::vector<AttemptRef> keep;
          std::vector<AttemptRef> undecided;
          reported.clear();
          for (const AttemptTable::Held& held : table.BeginConnection()) {
            if (random() % 2 == 0) {
              keep.push_back(held.ref);
            } else if (random() % 2 == 0) {
              undecided.push_back(held.ref);
            }
          }
          // What Hello carried counts as reported, but for what is decided later.
          for (const AttemptRef& kept : keep) reported.erase(kept);
          table.Welcomed(keep, undecided, now);
          welcomed = true;
          break;
        }
        case 8:
          if (!welcomed || !table.Claim(ref)) break;
          break;
        case 9: {
          // It leaves, and comes back from elsewhere.
          std::optional<AttemptTable::Moved> moved = table.TakeOffered(ref);
          if (!moved.has_value() || !welcomed) break;
          reported.erase(ref);
          const bool runs = moved->held.finished == nullptr;
          key = table.Adopt(std::move(moved->held));
          if (runs) keys.push_back(key);
          break;
        }
      }
      table.CheckInvariants();
    }
  }
}

}  // namespace
}  // namespace moa::worker
