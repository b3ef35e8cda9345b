// Each program on a host of its own, as in a machine room: a job across them, and cables that are pulled out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/chaos/network.h"
#include "tests/cluster/mini_cluster.h"
#include "tests/cluster/process.h"

namespace moa::chaos {
namespace {

using cluster::Args;
using cluster::CommandResult;
using cluster::Process;
using cluster::Variables;
using cluster::WaitUntil;
using testing::HasSubstr;

// Longer than any recovery: a peer that is silent is given up after some seconds.
constexpr absl::Duration kRecovery = absl::Seconds(120);

constexpr char kJob[] = R"(
prompt: "Is it far?"
moa:
  layers:
    - agents:
        - {name: a, model: gpt-oss-120b, samples: 4, system_prompt: "SLOWLY"}
  aggregator: {model: gpt-oss-120b}
)";

class HostsTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string why_not;
    network_ = Network::Create(files_.dir(), &why_not);
    if (network_ == nullptr) GTEST_SKIP() << "no hosts here: " << why_not;
    provider_ = &network_->Add("provider");
    coordinator_ = &network_->Add("coordinator");
    for (const char* name : {"worker-1", "worker-2"}) workers_.push_back(&network_->Add(name));
    client_ = &network_->Add("client");
    // Calls with SLOWLY in their prompt take two seconds, so that a cable can be pulled meanwhile.
    Start("cerebras-sim", *provider_,
          {"--listen", absl::StrCat(provider_->address, ":8181"), "--time-scale", "0", "--tier",
           "unlimited", "--fault", "slow=2s,prompt=SLOWLY"})
        .Address("http");
    Start("moa-coordinator", *coordinator_,
          {"--listen", absl::StrCat(coordinator_->address, ":7070"), "--insecure",
           "--metrics-listen", absl::StrCat(coordinator_->address, ":9464"), "--store",
           absl::StrCat("sqlite:", files_.Path("jobs.db"))})
        .Address("grpc");
    for (const Network::Host* worker : workers_) {
      Start("moa-worker", *worker,
            {"--coordinator", absl::StrCat(coordinator_->address, ":7070"), "--base-url",
             absl::StrCat("http://", provider_->address, ":8181"), "--name", worker->name,
             "--slots", "2", "--metrics-listen", absl::StrCat(worker->address, ":9465")},
            {{"CEREBRAS_API_KEY", "csk-test"}})
          .Address("metrics");
    }
    ASSERT_TRUE(WaitUntil([this] { return Workers() == 2; }));
  }

  Process& Start(const std::string& program, const Network::Host& host, const Args& args,
                 const Variables& variables = {}) {
    const std::string name = absl::StrCat(host.name, "-", processes_.size());
    return *processes_.emplace_back(std::make_unique<Process>(
        Process::Options{.program = absl::StrCat(MOA_BIN_DIR, "/", program),
                         .args = args,
                         .environment = variables,
                         .output_path = files_.Path(name + ".out"),
                         .log_path = files_.Path(name + ".log"),
                         .network_fd = host.fd}));
  }

  Args MoactlArgs(const Args& args) const {
    Args all = {"--coordinator", absl::StrCat(coordinator_->address, ":7070")};
    all.insert(all.end(), args.begin(), args.end());
    return all;
  }

  // On the client's host, or on another one (-1: where the test is, on the same network).
  CommandResult Moactl(const Args& args) { return MoactlAt(client_->fd, args); }
  CommandResult MoactlAt(int network_fd, const Args& args) {
    return cluster::RunToEnd({.program = absl::StrCat(MOA_BIN_DIR, "/moactl"),
                              .args = MoactlArgs(args),
                              .environment = {},
                              .output_path = files_.Path("moactl.out"),
                              .log_path = files_.Path("moactl.err"),
                              .network_fd = network_fd});
  }

  int Workers() {
    const std::string listed = Moactl({"workers", "-o", "json"}).out;
    return static_cast<int>(
               std::vector<std::string>(absl::StrSplit(listed, "\"worker_id\"")).size()) -
           1;
  }

  // A job whose four calls are under way, two on each worker, watched from the client's host.
  Process& StartWatchedJob() {
    Process& watching = Start(
        "moactl", *client_,
        MoactlArgs({"submit", "-f", files_.JobFile("job.yaml", kJob), "--watch", "-o", "json"}));
    EXPECT_TRUE(WaitUntil([this] {
      const std::string listed = Moactl({"workers", "-o", "json"}).out;
      return std::vector<std::string>(absl::StrSplit(listed, "\"slots_used\":2")).size() == 3;
    }));
    return watching;
  }

  void ExpectAnswer(Process& watching) {
    EXPECT_EQ(watching.Wait(kRecovery), 0) << watching.Log();
    EXPECT_THAT(watching.Output(), HasSubstr("\"state\":\"SUCCEEDED\""));
    EXPECT_THAT(watching.Output(), HasSubstr("\"degraded\":false"));
  }

  cluster::MiniCluster files_;  // for its directory
  std::unique_ptr<Network> network_;
  const Network::Host* provider_ = nullptr;
  const Network::Host* coordinator_ = nullptr;
  const Network::Host* client_ = nullptr;
  std::vector<const Network::Host*> workers_;
  std::vector<std::unique_ptr<Process>> processes_;  // die before their hosts
};

TEST_F(HostsTest, AJobRunsAcrossThem) {
  ExpectAnswer(StartWatchedJob());
  for (size_t i = processes_.size(); i-- > 0;) {
    if (!processes_[i]->Running()) continue;
    EXPECT_EQ(processes_[i]->Terminate(), 0) << processes_[i]->Log();
  }
}

TEST_F(HostsTest, AWorkersCableIsCutAndItsCallsAreMadeElsewhere) {
  Process& watching = StartWatchedJob();
  network_->Unplug(*workers_[0]);
  ExpectAnswer(watching);
  EXPECT_TRUE(WaitUntil([this] { return Workers() == 1; }, kRecovery));
  network_->Plug(*workers_[0]);
  EXPECT_TRUE(WaitUntil([this] { return Workers() == 2; }, kRecovery));
}

TEST_F(HostsTest, TheCoordinatorsCableIsCutAndTheJobGoesOnWhenItIsBack) {
  Process& watching = StartWatchedJob();
  network_->Unplug(*coordinator_);
  absl::SleepFor(
      absl::Seconds(3));  // the calls end meanwhile, and their results wait in the workers
  network_->Plug(*coordinator_);
  ExpectAnswer(watching);
  EXPECT_TRUE(WaitUntil([this] { return Workers() == 2; }, kRecovery));
}

TEST_F(HostsTest, AClientsCableIsCutAndItSeesTheJobsEndAllTheSame) {
  Process& watching = StartWatchedJob();
  network_->Unplug(*client_);
  EXPECT_TRUE(WaitUntil(
      [this] {
        return absl::StrContains(MoactlAt(-1, {"count", "-o", "json"}).out, "\"SUCCEEDED\":1");
      },
      kRecovery));
  network_->Plug(*client_);
  ExpectAnswer(watching);
}

}  // namespace
}  // namespace moa::chaos
