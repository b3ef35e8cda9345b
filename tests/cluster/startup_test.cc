#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/sample_jobs.h"

namespace moa::cluster {
namespace {

using testing::HasSubstr;

class StartupTest : public testing::Test {
 protected:
  // Starts a coordinator that must end by itself, and returns what it said.
  std::string FailingCoordinator(const Args& args) {
    Args all = {"--listen",    "127.0.0.1:0", "--metrics-listen",
                "127.0.0.1:0", "--store",     absl::StrCat("sqlite:", cluster_.Path("other.db"))};
    all.insert(all.end(), args.begin(), args.end());
    Process& process = cluster_.Start("failing", "moa-coordinator", all);
    const std::optional<int> status = process.Wait();
    EXPECT_TRUE(status.has_value()) << "it goes on";
    EXPECT_NE(status, 0);
    EXPECT_LT(status.value_or(0), 128) << "it died of a signal";
    return process.Log();
  }

  MiniCluster cluster_;
};

TEST_F(StartupTest, PortThatIsTakenIsSaidWithTheAddress) {
  cluster_.StartCoordinator();
  EXPECT_THAT(FailingCoordinator({"--listen", cluster_.coordinator_address()}),
              HasSubstr(cluster_.coordinator_address()));

  cluster_.StartSimulator();
  Process& second =
      cluster_.Start("second", "cerebras-sim", {"--listen", cluster_.simulator_address()});
  EXPECT_NE(second.Wait(), 0);
  EXPECT_THAT(second.Log(), HasSubstr(cluster_.simulator_address()));
}

// As a container's health check asks, with the program's own binary and nothing else.
TEST_F(StartupTest, EachProgramAsksItsLikeWhetherItIsWell) {
  cluster_.StartAll();
  const std::string coordinator = cluster_.coordinator().Address("metrics");
  const std::string worker = cluster_.process("worker-1").Address("metrics");
  const auto ask = [&](const char* program, const std::string& target) {
    Process& probe = cluster_.Start("probe", program, {"--health", target});
    const std::optional<int> status = probe.Wait();
    return std::pair(status.value_or(-1), probe.Log());
  };
  EXPECT_EQ(ask("moa-coordinator", coordinator).first, 0);
  EXPECT_EQ(ask("moa-coordinator", absl::StrCat(coordinator, "/healthz")).first, 0);
  EXPECT_EQ(ask("moa-worker", worker).first, 0);

  // Without a coordinator a worker lives, and is not ready.
  cluster_.coordinator().Kill();
  EXPECT_EQ(ask("moa-coordinator", coordinator).first, 1);
  std::pair<int, std::string> unready;
  EXPECT_TRUE(WaitUntil([&] { return (unready = ask("moa-worker", worker)).first == 1; }));
  EXPECT_THAT(unready.second, HasSubstr("/readyz: status 503"));
  EXPECT_EQ(ask("moa-worker", absl::StrCat(worker, "/healthz")).first, 0);
  EXPECT_EQ(ask("moa-worker", "nonsense").first, 2);
}

// Clear text beyond loopback must be asked for in words.
TEST_F(StartupTest, ListeningBeyondLoopbackWithoutTlsIsRefused) {
  EXPECT_THAT(FailingCoordinator({"--listen", "0.0.0.0:0"}), HasSubstr("--insecure"));
  EXPECT_THAT(FailingCoordinator({"--listen", "[::]:0"}), HasSubstr("--insecure"));
  Process& insecure =
      cluster_.Start("insecure", "moa-coordinator",
                     {"--listen", "0.0.0.0:0", "--insecure", "--metrics-listen", "127.0.0.1:0",
                      "--store", absl::StrCat("sqlite:", cluster_.Path("insecure.db"))});
  EXPECT_THAT(insecure.Address("grpc"), HasSubstr("0.0.0.0:"));
}

TEST_F(StartupTest, BadFlagsAreNamed) {
  EXPECT_THAT(FailingCoordinator({"--listen", "nowhere"}), HasSubstr("listen"));
  EXPECT_THAT(FailingCoordinator({"--no-such-flag"}), HasSubstr("no-such-flag"));
  EXPECT_THAT(FailingCoordinator({"--store", "mysql:x"}), HasSubstr("store"));
  Process& worker = cluster_.Start("worker", "moa-worker", {"--slots", "many"});
  EXPECT_EQ(worker.Wait(), 2);
  EXPECT_THAT(worker.Log(), HasSubstr("slots"));
}

// Two coordinators on one store would run every job twice.
TEST_F(StartupTest, SecondCoordinatorOnTheSameStoreIsRefused) {
  cluster_.StartCoordinator();
  const std::string said =
      FailingCoordinator({"--store", absl::StrCat("sqlite:", cluster_.Path("jobs.db"))});
  EXPECT_THAT(said, HasSubstr("jobs.db"));
  EXPECT_TRUE(cluster_.coordinator().Running());
}

// A file that is no database, or one with broken pages, is left exactly as it is.
TEST_F(StartupTest, CorruptStoreIsRefusedAndNotOverwritten) {
  const std::string path = cluster_.JobFile("garbage.db", std::string(8192, 'x'));
  EXPECT_THAT(FailingCoordinator({"--store", absl::StrCat("sqlite:", path)}),
              HasSubstr("garbage.db"));
  EXPECT_EQ(ReadFile(path), std::string(8192, 'x'));

  cluster_.StartAll();
  for (int i = 0; i < 5; ++i) cluster_.Run(cluster_.JobFile("a.yaml", kWorkshopJob));
  EXPECT_EQ(cluster_.coordinator().Terminate(), 0);
  std::string bytes = ReadFile(cluster_.Path("jobs.db"));
  ASSERT_GT(bytes.size(), 8192u);
  for (size_t at = 4096; at < bytes.size(); at += 64)
    bytes[at] = static_cast<char>(bytes[at] ^ 0x5A);
  const std::string broken = cluster_.JobFile("broken.db", bytes);
  EXPECT_THAT(FailingCoordinator({"--store", absl::StrCat("sqlite:", broken)}),
              HasSubstr("broken.db"));
  EXPECT_EQ(ReadFile(broken), bytes);
}

TEST_F(StartupTest, StoreInADirectoryThatDoesNotExistOrCannotBeWrittenIsRefused) {
  EXPECT_THAT(FailingCoordinator(
                  {"--store", absl::StrCat("sqlite:", cluster_.Path("no/such/dir/jobs.db"))}),
              HasSubstr("jobs.db"));
  if (geteuid() == 0) return;  // root writes everywhere
  const std::string folder = cluster_.Path("read-only");
  ASSERT_EQ(mkdir(folder.c_str(), 0500), 0);
  EXPECT_THAT(FailingCoordinator({"--store", absl::StrCat("sqlite:", folder, "/jobs.db")}),
              HasSubstr("jobs.db"));
}

// On a full disk nothing more is acknowledged; what was acknowledged is there when there is room
// again.
TEST_F(StartupTest, FullDiskRefusesJobsAndKeepsThoseAcknowledged) {
  const std::string disk = cluster_.Path("disk");
  ASSERT_EQ(mkdir(disk.c_str(), 0700), 0);
  if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=1m") != 0) {
    GTEST_SKIP() << "needs the right to mount a tmpfs";
  }
  // Without a reserve, which the disk would not hold.
  const Args store = {"--store", absl::StrCat("sqlite:", disk, "/jobs.db"), "--min-free-disk-mib",
                      "0"};
  cluster_.StartCoordinator(store);
  const std::string file = cluster_.JobFile("a.yaml", kSingleCallJob);
  const std::string prompt = cluster_.JobFile("prompt.txt", std::string(100'000, 'a'));
  std::vector<std::string> accepted;
  CommandResult last;
  for (int i = 0; i < 60; ++i) {
    last = cluster_.Moactl({"submit", "-f", file, "--prompt-file", prompt, "-o", "json"});
    if (last.status != 0) break;
    accepted.push_back(ParseJob(last.out).job_id);
  }
  EXPECT_NE(last.status, 0) << "6 MB fitted onto a disk of 1 MB";
  EXPECT_FALSE(accepted.empty());
  EXPECT_LT(cluster_.coordinator().Wait(absl::Seconds(1)).value_or(0), 128)
      << "it died of a signal";

  cluster_.coordinator().Kill();
  EXPECT_EQ(mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=32m"), 0);
  cluster_.StartCoordinator(store);
  for (const std::string& id : accepted) EXPECT_EQ(cluster_.Get(id).job_id, id);
  cluster_.coordinator().Kill();
  EXPECT_EQ(umount2(disk.c_str(), MNT_DETACH), 0);
}

// The client says which address nobody answers on, with a status of its own.
TEST_F(StartupTest, ClientWithoutACoordinatorEndsWithStatus3AndTheAddress) {
  const std::string nobody = UnusedAddress();
  for (const Args& args :
       {Args{"list"}, Args{"health"}, Args{"submit", "--preset", "moa", "--prompt", "x"}}) {
    Args all = {"--coordinator", nobody};
    all.insert(all.end(), args.begin(), args.end());
    const CommandResult result = cluster_.Moactl(all);
    EXPECT_EQ(result.status, 3) << args[0] << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr(nobody));
  }
}

// A worker that is started first keeps trying, without filling its log, and is there soon after the
// coordinator is.
TEST_F(StartupTest, WorkerWithoutACoordinatorKeepsTryingQuietly) {
  cluster_.StartSimulator();
  const std::string address = UnusedAddress();
  Process& worker = cluster_.StartWorker("worker", {"--coordinator", address});
  worker.Address("metrics");
  // Several rounds of its backoff (100 ms to 2 s).
  EXPECT_EQ(worker.Wait(absl::Seconds(4)), std::nullopt) << worker.Log();
  const std::string log = worker.Log();
  EXPECT_LT(std::count(log.begin(), log.end(), '\n'), 20) << log;

  cluster_.StartCoordinator({"--listen", address});
  cluster_.WaitForWorkers(1);
}

// As with two names of one host: the worker stays with one of them, and its calls are made once.
TEST_F(StartupTest, WorkerWithSeveralAddressesOfOneCoordinatorSettlesOnOne) {
  const std::string loopback = UnusedAddress();
  const std::string port = loopback.substr(loopback.rfind(':'));
  cluster_.StartSimulator();
  cluster_.StartCoordinator({"--listen", absl::StrCat("0.0.0.0", port), "--insecure"});
  Process& worker = cluster_.StartWorker(
      "worker",
      {"--coordinator", absl::StrCat("127.0.0.1", port, ",127.0.0.2", port, ",localhost", port)});
  const auto is_settled = [&] {
    const std::string log = worker.Log();
    size_t left_alone = 0;
    for (size_t at = 0; (at = log.find("lead to one coordinator", at)) != log.npos; ++at) {
      ++left_alone;
    }
    // With the address that the cluster names there are three.
    return left_alone >= 2;
  };
  EXPECT_TRUE(WaitUntil(is_settled)) << worker.Log();
  cluster_.WaitForWorkers(1);
  const auto connections = [&] {
    const std::string log = cluster_.coordinator().Log();
    size_t count = 0;
    for (size_t at = 0; (at = log.find("worker connected", at)) != log.npos; ++at) ++count;
    return count;
  };
  const size_t before = connections();
  for (int i = 0; i < 5; ++i) cluster_.Run(cluster_.JobFile("a.yaml", kWorkshopJob));
  EXPECT_LE(connections(), before + 1) << "the one that stays may have been dialling still";
}

}  // namespace
}  // namespace moa::cluster
