// Several coordinators on one database: who lives, who owns which job, and that the dead write nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status_matchers.h"
#include "coordinator/store/postgres/postgres_job_store.h"
#include "coordinator/store/postgres/session.h"
#include "coordinator/store/replica_store.h"
#include "tests/coordinator/store/store_fixtures.h"
#include "tests/postgres/postgres_server.h"

namespace moa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class PostgresReplicasTest : public testing::Test {
 protected:
  struct Replica {
    std::unique_ptr<JobStore> store;
    uint64_t epoch = 0;
    ReplicaStore& members() const { return *store->replicas(); }
  };

  Replica Join() {
    PostgresJobStoreOptions options;
    options.writer.retry_delay_min = absl::Milliseconds(1);
    options.writer.retry_delay_max = absl::Milliseconds(20);
    Replica replica;
    replica.store = OpenPostgresJobStore(url_, options).value();
    replica.epoch = replica.store->NextEpoch().value();
    return replica;
  }
  static Member MemberOf(const ClusterView& view, uint64_t epoch) {
    for (const Member& member : view.members) {
      if (member.epoch == epoch) return member;
    }
    return {};
  }
  static absl::Status Bury(const Replica& who, const Replica& dead) {
    const absl::StatusOr<ClusterView> view = who.members().Renew("there:1", 0);
    if (!view.ok()) return view.status();
    return who.members().Apply(view->version, {.dead = {MemberOf(*view, dead.epoch)}});
  }
  static std::vector<JobId> Ids(const absl::StatusOr<std::vector<StoredJob>>& jobs) {
    std::vector<JobId> ids;
    for (const StoredJob& job : jobs.value()) ids.push_back(job.row.id);
    return ids;
  }

  PostgresServer server_;
  const std::string url_ = server_.NewDatabase();
};

TEST_F(PostgresReplicasTest, MembersSeeEachOther) {
  const Replica a = Join();
  const Replica b = Join();
  ASSERT_OK(a.members().Renew("a.example:7070", 3));
  ASSERT_OK_AND_ASSIGN(const ClusterView view, b.members().Renew("b.example:7070", 4));
  ASSERT_THAT(view.members, SizeIs(2));
  EXPECT_EQ(view.members[0].epoch, a.epoch);
  EXPECT_EQ(view.members[0].address, "a.example:7070");
  EXPECT_EQ(view.members[0].jobs, 3u);
  EXPECT_EQ(view.members[0].renewals, 1u);
  EXPECT_EQ(view.members[1].epoch, b.epoch);
  EXPECT_FALSE(view.members[0].host.empty());
  EXPECT_FALSE(view.members[1].dead);
  ASSERT_OK_AND_ASSIGN(const ClusterView later, a.members().Renew("a.example:7070", 3));
  EXPECT_EQ(later.members[0].renewals, 2u);
  EXPECT_EQ(later.version, view.version) << "a renewal changes nothing that others decide on";
}

TEST_F(PostgresReplicasTest, AJobBelongsToWhoInsertedItAndNobodyElseClaimsItWhileThatOneLives) {
  const Replica a = Join();
  const Replica b = Join();
  ASSERT_OK(InsertAndWait(*a.store, TestJob(1)));
  ASSERT_OK_AND_ASSIGN(const StoredJob job, b.store->Read(TestId(1)));
  EXPECT_EQ(job.row.owner, a.epoch);
  EXPECT_THAT(Ids(b.members().Claim(10)), IsEmpty());
}

TEST_F(PostgresReplicasTest, TheDeadWriteNothingAndTheirJobsGoOnElsewhere) {
  const Replica a = Join();
  const Replica b = Join();
  for (int64_t n = 1; n <= 3; ++n) ASSERT_OK(InsertAndWait(*a.store, TestJob(n)));
  ASSERT_OK(UpdateAndWait(*a.store, TestUpdate(TestId(1), 2, "of the first owner")));
  ASSERT_OK(UpdateAndWait(*a.store, TestStateUpdate(TestId(3), 2, StoredState::kSucceeded)));
  ASSERT_OK(Bury(b, a));

  a.store->Update(TestUpdate(TestId(1), 3, "of the past"), [] { FAIL() << "it was not applied"; });
  EXPECT_TRUE(WaitUntil([&] { return !a.store->Health().ok(); }));
  EXPECT_THAT(a.store->Health().message(), HasSubstr("declared dead"));
  EXPECT_THAT(InsertAndWait(*a.store, TestJob(4)), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(a.members().Renew("a:1", 0), StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(a.members().Claim(10), StatusIs(absl::StatusCode::kFailedPrecondition));

  ASSERT_OK_AND_ASSIGN(const std::vector<StoredJob> claimed, b.members().Claim(10));
  ASSERT_THAT(claimed, SizeIs(2)) << "one has ended";
  EXPECT_EQ(claimed[0].row.id, TestId(1));
  EXPECT_EQ(claimed[0].row.owner, b.epoch);
  EXPECT_EQ(claimed[0].spec, TestJob(1).spec);
  ASSERT_THAT(claimed[0].events, SizeIs(2));
  EXPECT_EQ(claimed[0].events[1].payload, Text("of the first owner"));
  EXPECT_THAT(claimed[1].events, SizeIs(1));
  ASSERT_OK(UpdateAndWait(*b.store, TestUpdate(TestId(1), 3, "of the second owner")));
  ASSERT_OK_AND_ASSIGN(const StoredJob job, b.store->Read(TestId(1)));
  ASSERT_THAT(job.events, SizeIs(3));
  EXPECT_EQ(job.events[2].payload, Text("of the second owner"));
  EXPECT_THAT(Ids(b.members().Claim(10)), IsEmpty());
  // Its row is of no use any more.
  ASSERT_OK_AND_ASSIGN(const ClusterView view, b.members().Renew("b:1", 2));
  EXPECT_THAT(view.members, SizeIs(1));
}

TEST_F(PostgresReplicasTest, ADecisionOnAViewOfThePastIsRefusedAsAWhole) {
  const Replica a = Join();
  const Replica b = Join();
  ASSERT_OK_AND_ASSIGN(const ClusterView view, b.members().Renew("b:1", 0));
  const Replica c = Join();
  const StoredShare share{.quota_key = "key", .model = "model", .share = Text("all")};
  EXPECT_THAT(
      b.members().Apply(view.version, {.dead = {MemberOf(view, a.epoch)}, .shares = {share}}),
      StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK_AND_ASSIGN(const ClusterView now, b.members().Renew("b:1", 0));
  EXPECT_FALSE(now.members[0].dead);
  EXPECT_THAT(now.shares, IsEmpty());
  EXPECT_OK(b.members().Apply(now.version, {.dead = {MemberOf(now, a.epoch)}, .shares = {share}}));
}

TEST_F(PostgresReplicasTest, WhoHasRenewedSinceItWasSeenIsNotDead) {
  const Replica a = Join();
  const Replica b = Join();
  ASSERT_OK_AND_ASSIGN(const ClusterView view, b.members().Renew("b:1", 0));
  ASSERT_OK(a.members().Renew("a:1", 0));
  ASSERT_OK(b.members().Apply(view.version, {.dead = {MemberOf(view, a.epoch)}}));
  EXPECT_OK(a.members().Renew("a:1", 0));
  EXPECT_OK(InsertAndWait(*a.store, TestJob(1)));
}

TEST_F(PostgresReplicasTest, SharesAreReplacedForgottenAndGoWithTheirMember) {
  const Replica a = Join();
  const Replica b = Join();
  const auto share = [](const std::string& model, const std::string& what) {
    return StoredShare{.quota_key = "key", .model = model, .share = Text(what)};
  };
  ASSERT_OK_AND_ASSIGN(ClusterView view, a.members().Renew("a:1", 0));
  ASSERT_OK(a.members().Apply(view.version, {.shares = {share("m", "half"), share("n", "all")}}));
  ASSERT_OK_AND_ASSIGN(view, a.members().Renew("a:1", 0));
  ASSERT_OK(a.members().Apply(view.version,
                              {.shares = {share("m", "third")}, .gone_shares = {share("n", "")}}));
  ASSERT_OK_AND_ASSIGN(view, b.members().Renew("b:1", 0));
  ASSERT_THAT(view.shares, SizeIs(1));
  EXPECT_EQ(view.shares[0].member, a.epoch);
  EXPECT_EQ(view.shares[0].model, "m");
  EXPECT_EQ(view.shares[0].share, Text("third"));
  ASSERT_OK(Bury(b, a));
  ASSERT_OK_AND_ASSIGN(view, b.members().Renew("b:1", 0));
  EXPECT_THAT(view.shares, IsEmpty());
}

TEST_F(PostgresReplicasTest, WhoLeavesOrReleasesGivesItsJobsAway) {
  Replica a = Join();
  const Replica b = Join();
  for (int64_t n = 1; n <= 4; ++n) ASSERT_OK(InsertAndWait(*a.store, TestJob(n)));
  ASSERT_OK(a.members().Release({TestId(2), TestId(3)}));
  EXPECT_THAT(Ids(b.members().Claim(1)), ElementsAre(TestId(2)));
  EXPECT_THAT(Ids(b.members().Claim(10)), ElementsAre(TestId(3)));
  ASSERT_OK(b.members().Release({TestId(1)})) << "which is not its own";
  EXPECT_THAT(Ids(b.members().Claim(10)), IsEmpty());
  ASSERT_OK(a.members().Leave());
  EXPECT_THAT(Ids(b.members().Claim(10)), ElementsAre(TestId(1), TestId(4)));
}

TEST_F(PostgresReplicasTest, JobsOfTheDeadAreClaimedOnceByOneOfMany) {
  constexpr int64_t kJobs = 600;
  const Replica dead = Join();
  for (int64_t n = 1; n < kJobs; ++n) dead.store->Insert(TestJob(n), [](const auto&) {});
  ASSERT_OK(InsertAndWait(*dead.store, TestJob(kJobs)));
  std::vector<Replica> others;
  for (int i = 0; i < 3; ++i) others.push_back(Join());
  ASSERT_OK(Bury(others[0], dead));
  std::vector<std::vector<JobId>> claimed(others.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < others.size(); ++i) {
    threads.emplace_back([&, i] {
      while (true) {
        const std::vector<JobId> some = Ids(others[i].members().Claim(20));
        if (some.empty()) return;
        claimed[i].insert(claimed[i].end(), some.begin(), some.end());
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<JobId> all;
  size_t count = 0;
  for (const auto& mine : claimed) {
    count += mine.size();
    all.insert(mine.begin(), mine.end());
  }
  EXPECT_EQ(count, static_cast<size_t>(kJobs));
  EXPECT_EQ(all.size(), static_cast<size_t>(kJobs));
}

// A claim, or a release, that was given up may still be on its way.
TEST_F(PostgresReplicasTest, WhatWasAskedBeforeARenewalCountsForNothingAfterIt) {
  const Replica dead = Join();
  ASSERT_OK(InsertAndWait(*dead.store, TestJob(1)));
  ASSERT_OK(dead.members().Leave());
  const Replica b = Join();
  ASSERT_OK(b.members().Renew("b.example:7070", 0));
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> late, Session::Connect(url_));
  EXPECT_THAT(late->QueryText(absl::StrCat("SELECT moa_hold_since(", b.epoch, ", 0)")).status(),
              StatusIs(absl::StatusCode::kAborted));
  // Renewed without b's having heard of it.
  ASSERT_OK(late->Execute("UPDATE moa_members SET renewals = renewals + 1"));
  EXPECT_THAT(b.members().Claim(10).status(), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(b.members().Release({TestId(1)}), StatusIs(absl::StatusCode::kAborted));
  ASSERT_OK_AND_ASSIGN(const JobRow row, b.members().Find(TestId(1)));
  EXPECT_EQ(row.owner, dead.epoch);
  ASSERT_OK(b.members().Renew("b.example:7070", 0));
  EXPECT_THAT(Ids(b.members().Claim(10)), ElementsAre(TestId(1)));
}

// While it is being answered the renewal waits.
TEST_F(PostgresReplicasTest, ARenewalWaitsForAClaimThatIsUnderWay) {
  const Replica b = Join();
  ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Session> claim, Session::Connect(url_));
  ASSERT_OK(claim->Execute("BEGIN"));
  ASSERT_OK(claim->QueryText(absl::StrCat("SELECT moa_hold_since(", b.epoch, ", 0)")));
  EXPECT_THAT(b.members().Renew("b.example:7070", 0), StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(claim->Execute("COMMIT"));
  EXPECT_OK(b.members().Renew("b.example:7070", 0));
}

// Connections are lost at any moment of a claim: what was taken is read in the end, once.
TEST_F(PostgresReplicasTest, AClaimWhoseOutcomeWasLostIsFoundAgain) {
  constexpr int64_t kJobs = 200;
  const Replica dead = Join();
  for (int64_t n = 1; n < kJobs; ++n) dead.store->Insert(TestJob(n), [](const auto&) {});
  ASSERT_OK(InsertAndWait(*dead.store, TestJob(kJobs)));
  ASSERT_OK(dead.members().Leave());
  const Replica b = Join();
  std::atomic<bool> over = false;
  std::thread breaker([&] {
    // Ever more seldom: how long a claim takes, and a new connection, is the machine's affair.
    for (absl::Duration pause = absl::Milliseconds(5); !over; pause += absl::Milliseconds(1)) {
      server_.EndConnections("jobs1");
      absl::SleepFor(pause);
    }
  });
  std::set<JobId> claimed;
  EXPECT_TRUE(WaitUntil([&] {
    const absl::StatusOr<std::vector<StoredJob>> some = b.members().Claim(5);
    if (!some.ok()) return false;
    for (const StoredJob& job : *some) EXPECT_TRUE(claimed.insert(job.row.id).second);
    if (claimed.size() > kJobs / 2) over = true;
    return claimed.size() == kJobs;
  })) << claimed.size();
  over = true;
  breaker.join();
}

}  // namespace
}  // namespace moa
