// Looking after a store with moactl admin: a copy that can be started from, old jobs deleted, damage found.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"
#include "tests/postgres/postgres_server.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;

class AdminTest : public testing::Test {
 protected:
  std::vector<std::string> RunJobs(int count) {
    const std::string file = cluster_.JobFile("job.yaml", kWorkshopJob);
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i) {
      ids.push_back(cluster_.Submit(file, {"--prompt", absl::StrCat("Question ", i)}));
    }
    for (const std::string& id : ids) EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
    return ids;
  }
  CommandResult Admin(Args args) {
    args.insert(args.begin(), "admin");
    return cluster_.Moactl(args);
  }
  // Changes the store behind the coordinator's back.
  void Damage(const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(cluster_.Path("jobs.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(database);
    sqlite3_close(database);
  }

  MiniCluster cluster_;
};

TEST_F(AdminTest, ABackupHoldsEveryAcknowledgedJobAndCanBeStartedFrom) {
  cluster_.StartAll();
  const std::vector<std::string> ids = RunJobs(3);
  const std::string copy = cluster_.Path("copy.db");
  EXPECT_EQ(Admin({"backup", "copy.db"}).status, 2) << "it is no absolute path";
  const CommandResult made = Admin({"backup", copy, "-o", "json"});
  EXPECT_EQ(made.status, 0) << made.err;
  EXPECT_THAT(made.out, HasSubstr("\"bytes\":"));
  EXPECT_THAT(Admin({"backup", copy}).err, HasSubstr("exists"));
  const std::string later = RunJobs(1)[0];

  EXPECT_EQ(cluster_.coordinator().Terminate(), 0);
  for (const char* suffix : {"-wal", "-shm"}) {
    std::filesystem::remove(cluster_.Path("jobs.db") + suffix);
  }
  std::filesystem::rename(copy, cluster_.Path("jobs.db"));
  cluster_.StartCoordinator();
  for (const std::string& id : ids) EXPECT_EQ(cluster_.Get(id).state, "SUCCEEDED");
  EXPECT_NE(cluster_.Moactl({"get", later}).status, 0);
  EXPECT_THAT(Admin({"check"}).out, HasSubstr("3 jobs read: no problem found"));
}

TEST_F(AdminTest, OldJobsAreDeletedAndUnfinishedOnesNever) {
  cluster_.StartAll();
  const std::vector<std::string> ids = RunJobs(2);
  EXPECT_THAT(Admin({"prune", "--older-than", "1h"}).out, HasSubstr("0 jobs deleted"));
  EXPECT_THAT(Admin({"prune", "--older-than", "0s", "--dry-run"}).out,
              HasSubstr("2 jobs would be deleted"));
  EXPECT_EQ(cluster_.Get(ids[0]).state, "SUCCEEDED");
  cluster_.process("worker-1").Kill();
  const std::string waiting =
      cluster_.Submit(cluster_.JobFile("job.yaml", kWorkshopJob), {"--prompt", "Wait"});
  EXPECT_THAT(Admin({"prune", "--older-than", "0s", "-o", "json"}).out, HasSubstr("\"jobs\":2"));
  EXPECT_NE(cluster_.Moactl({"get", ids[0]}).status, 0);
  EXPECT_EQ(cluster_.Moactl({"get", waiting}).status, 0);
  EXPECT_EQ(Admin({"prune"}).status, 2);
}

TEST_F(AdminTest, TheCheckNamesWhatIsDamaged) {
  cluster_.StartAll();
  RunJobs(2);
  const CommandResult sound = Admin({"check", "-o", "json"});
  EXPECT_EQ(sound.status, 0);
  EXPECT_THAT(sound.out, HasSubstr("\"jobs_checked\":2,\"problems_found\":0"));
  Damage("DELETE FROM events WHERE job_and_sequence = (1 << 24) + 3");
  CommandResult damaged = Admin({"check"});
  EXPECT_EQ(damaged.status, 1);
  EXPECT_THAT(damaged.out, HasSubstr("event 3 is missing"));
  EXPECT_THAT(damaged.out, HasSubstr("1 problems found"));
  Damage("UPDATE jobs SET state = 2 WHERE job = 2");
  damaged = Admin({"check"});
  EXPECT_THAT(damaged.out, HasSubstr("its events end it and its state does not"));
  EXPECT_THAT(damaged.out, HasSubstr("2 problems found"));
}

TEST_F(AdminTest, APostgresStoreIsCheckedAndPrunedAndSaysWhoSharesIt) {
  PostgresServer server;
  const std::string url = server.NewDatabase();
  cluster_.StartSimulator({"--time-scale", "0"});
  cluster_.StartReplica("a", {"--store", url});
  cluster_.StartReplica("b", {"--store", url});
  cluster_.StartWorker();
  RunJobs(2);
  EXPECT_THAT(Admin({"check"}).out, HasSubstr("2 jobs read: no problem found"));
  const std::string status = Admin({"status", "-o", "json"}).out;
  EXPECT_THAT(status, HasSubstr("\"kind\":\"postgres\""));
  EXPECT_THAT(status, HasSubstr(cluster_.replica_address("a")));
  EXPECT_THAT(status, HasSubstr(cluster_.replica_address("b")));
  EXPECT_THAT(Admin({"backup", "/tmp/none"}).err, HasSubstr("pg_dump"));
  EXPECT_THAT(Admin({"prune", "--older-than", "0s"}).out, HasSubstr("2 jobs deleted"));
  EXPECT_THAT(cluster_.Moactl({"list", "-o", "json"}).out, HasSubstr("\"jobs\":[]"));
}

TEST_F(AdminTest, BelowTheReserveOfTheDiskNoJobIsTakenAndRunningOnesEnd) {
  cluster_.StartSimulator({"--time-scale", "2"});
  cluster_.StartCoordinator();
  cluster_.StartWorker();
  cluster_.WaitForWorkers(1);
  const std::string file = cluster_.JobFile("job.yaml", kWorkshopJob);
  const std::string id = cluster_.Submit(file);
  // More than any disk has.
  cluster_.StartCoordinator({"--min-free-disk-mib", "1000000000"});
  const CommandResult refused = cluster_.Moactl({"submit", "-f", file});
  EXPECT_EQ(refused.status, 3);
  EXPECT_THAT(refused.err, HasSubstr("free some space"));
  EXPECT_THAT(Admin({"status"}).out, HasSubstr("--min-free-disk"));
  EXPECT_EQ(cluster_.WaitForEnd(id).state, "SUCCEEDED");
}

}  // namespace
}  // namespace moa::cluster
