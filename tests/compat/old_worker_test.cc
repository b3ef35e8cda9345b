// Coordinators of this release on one PostgreSQL with a worker of the previous one, whose slots are split once and which
// offers nothing.

#include "tests/compat/old_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"
#include "tests/postgres/postgres_server.h"

namespace moa::compat {
namespace {

using cluster::kWorkshopJob;
using cluster::WaitUntil;

class OldWorkerTest : public testing::Test {
 protected:
  void StartAll(absl::Duration call) {
    for (const char* name : {"a", "b"}) {
      cluster_.StartReplica(name, {"--store", url_, "--hedge=false", "--lease", "2s"});
    }
    a_ = std::make_unique<OldWorker>(cluster_.replica_address("a"),
                                     OldWorker::Options{.slots = 2, .call = call});
    b_ = std::make_unique<OldWorker>(cluster_.replica_address("b"),
                                     OldWorker::Options{.slots = 3, .call = call});
    for (const char* name : {"a", "b"}) {
      EXPECT_TRUE(WaitUntil([&] {
        return cluster_
                   .Moactl(
                       {"workers", "-o", "json", "--coordinator", cluster_.replica_address(name)})
                   .out.find("worker_id") != std::string::npos;
      }));
    }
  }
  std::string SubmitAt(const std::string& name, const std::string& prompt) {
    return cluster_.Submit(cluster_.JobFile("job.yaml", kWorkshopJob),
                           {"--prompt", prompt, "--coordinator", cluster_.replica_address(name)});
  }

  PostgresServer server_;
  const std::string url_ = server_.NewDatabase();
  cluster::MiniCluster cluster_;
  std::unique_ptr<OldWorker> a_;
  std::unique_ptr<OldWorker> b_;
};

TEST_F(OldWorkerTest, RunsTheJobsOfEachWithinTheSlotsThatItSaid) {
  StartAll(absl::Milliseconds(50));
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    for (const char* name : {"a", "b"}) ids.push_back(SubmitAt(name, absl::StrCat(name, i)));
  }
  for (const std::string& id : ids) {
    const cluster::JobView job = cluster_.WaitForEnd(id);
    EXPECT_EQ(job.state, "SUCCEEDED") << job.error_message;
  }
  EXPECT_EQ(a_->runs() + b_->runs(), 7 * 8);
  EXPECT_EQ(a_->running_max(), 2);
  EXPECT_EQ(b_->running_max(), 3);
}

// What it runs or has just answered, two at a time, cannot be taken over, so that is made again, but nothing else.
TEST_F(OldWorkerTest, JobsOfAKilledCoordinatorEndAtTheOther) {
  StartAll(absl::Milliseconds(200));
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(SubmitAt("a", absl::StrCat("Question ", i)));
  ASSERT_TRUE(WaitUntil([&] { return a_->runs() >= 8 && a_->running() == 2; }));
  cluster_.process("a").Kill();
  for (const std::string& id : ids) {
    const cluster::JobView job = cluster_.WaitForEnd(id);
    EXPECT_EQ(job.state, "SUCCEEDED") << job.error_message;
  }
  EXPECT_GE(a_->runs() + b_->runs(), 7 * 4);
  EXPECT_LE(a_->runs() + b_->runs(), 7 * 4 + 4);
  EXPECT_EQ(a_->running_max(), 2);
  EXPECT_EQ(b_->running_max(), 3);
}

}  // namespace
}  // namespace moa::compat
