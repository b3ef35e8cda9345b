#include "tests/cluster/mini_cluster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace moa::cluster {
namespace {

constexpr size_t kShownLogBytes = 6000;

bool IsFree(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool is_free = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return is_free;
}

// Arguments that `args` may override: a flag given twice keeps its last value.
Args Joined(Args defaults, const Args& args) {
  defaults.insert(defaults.end(), args.begin(), args.end());
  return defaults;
}

}  // namespace

std::string ProgramPath(absl::string_view name) { return absl::StrCat(MOA_BIN_DIR, "/", name); }

std::string UnusedAddress() {
  // Tests run in parallel, each in a process of its own: they start at different ports.
  static uint16_t next = static_cast<uint16_t>(20000 + (getpid() * 13) % 10000);
  for (int tries = 0; tries < 2000; ++tries) {
    next = next >= 32000 ? 20000 : static_cast<uint16_t>(next + 1);
    if (IsFree(next)) return absl::StrCat("127.0.0.1:", next);
  }
  throw std::runtime_error("no free port between 20000 and 32000");
}

MiniCluster::MiniCluster() {
  const char* base = std::getenv("TMPDIR");
  dir_ = absl::StrCat(base == nullptr ? "/tmp" : base, "/moa-cluster-XXXXXX");
  if (mkdtemp(dir_.data()) == nullptr) throw std::runtime_error("no directory for the test");
}

MiniCluster::~MiniCluster() {
  processes_.clear();
  if (!testing::Test::HasFailure()) {
    std::error_code ignored;
    std::filesystem::remove_all(dir_, ignored);
    return;
  }
  std::cerr << "The cluster's files are kept in " << dir_ << "\n";
  for (const auto& entry : std::filesystem::directory_iterator(dir_)) {
    if (entry.path().extension() != ".log") continue;
    const std::string log = ReadFile(entry.path());
    std::cerr << "--- " << entry.path().filename() << "\n"
              << log.substr(log.size() - std::min(log.size(), kShownLogBytes)) << "\n";
  }
}

std::string MiniCluster::Path(absl::string_view name) const {
  return absl::StrCat(dir_, "/", name);
}

Process& MiniCluster::Start(absl::string_view name, absl::string_view program, const Args& args,
                            const Variables& variables) {
  std::unique_ptr<Process>& process = processes_[std::string(name)];
  process.reset();
  // A program's second life gets a log of its own, so that its address is not taken from the first
  // one's.
  std::string log = Path(absl::StrCat(name, ".log"));
  for (int life = 2; std::filesystem::exists(log); ++life) {
    log = Path(absl::StrCat(name, ".", life, ".log"));
  }
  process =
      std::make_unique<Process>(Process::Options{.program = ProgramPath(program),
                                                 .args = args,
                                                 .environment = variables,
                                                 .output_path = Path(absl::StrCat(name, ".out")),
                                                 .log_path = log});
  return *process;
}

Process& MiniCluster::StartSimulator(const Args& args) {
  const std::string listen = simulator_address_.empty() ? UnusedAddress() : simulator_address_;
  Process& simulator =
      Start("simulator", "cerebras-sim",
            Joined({"--listen", listen, "--tier", "unlimited", "--record", "10000"}, args));
  simulator_address_ = simulator.Address("http");
  return simulator;
}

Process& MiniCluster::StartCoordinator(const Args& args) {
  const std::string listen = coordinator_address_.empty() ? UnusedAddress() : coordinator_address_;
  Process& coordinator = Start("coordinator", "moa-coordinator",
                               Joined({"--listen", listen, "--metrics-listen", "127.0.0.1:0",
                                       "--store", absl::StrCat("sqlite:", Path("jobs.db"))},
                                      args));
  coordinator_address_ = coordinator.Address("grpc");
  return coordinator;
}

Process& MiniCluster::StartReplica(absl::string_view name, const Args& args) {
  std::string& address = replica_addresses_[std::string(name)];
  Process& replica = Start(name, "moa-coordinator",
                           Joined({"--listen", address.empty() ? UnusedAddress() : address,
                                   "--metrics-listen", "127.0.0.1:0"},
                                  args));
  address = replica.Address("grpc");
  coordinator_address_ = absl::StrJoin(
      replica_addresses_, ",", [](std::string* out, const auto& one) { *out += one.second; });
  return replica;
}

const std::string& MiniCluster::replica_address(absl::string_view name) const {
  return replica_addresses_.find(name)->second;
}

Process& MiniCluster::StartWorker(absl::string_view name, const Args& args,
                                  const Variables& variables) {
  Variables all = {{"CEREBRAS_API_KEY", "test-key"}};
  for (const auto& variable : variables) {
    if (variable.first == "CEREBRAS_API_KEY") all.clear();
  }
  all.insert(all.end(), variables.begin(), variables.end());
  return Start(name, "moa-worker",
               Joined({"--coordinator", coordinator_address_, "--base-url",
                       absl::StrCat("http://", simulator_address_), "--metrics-listen",
                       "127.0.0.1:0", "--slots", "16", "--grading-slots", "0"},
                      args),
               all);
}

void MiniCluster::StartAll(int workers, const Args& simulator_args) {
  StartSimulator(simulator_args);
  StartCoordinator();
  for (int i = 1; i <= workers; ++i) StartWorker(absl::StrCat("worker-", i));
  WaitForWorkers(workers);
}

void MiniCluster::WaitForWorkers(int count) {
  std::string listed;
  const auto connected = [&] {
    listed = Moactl({"workers", "-o", "json"}).out;
    int found = 0;
    for (size_t at = 0; (at = listed.find("\"worker_id\"", at)) != std::string::npos; ++at) ++found;
    return found == count;
  };
  if (!WaitUntil(connected)) {
    throw std::runtime_error(absl::StrCat("not ", count, " workers, but: ", listed));
  }
}

Process& MiniCluster::process(absl::string_view name) {
  const auto found = processes_.find(name);
  if (found == processes_.end()) throw std::runtime_error(absl::StrCat("no program ", name));
  return *found->second;
}

CommandResult MiniCluster::Moactl(const Args& args, absl::Duration bound) {
  const std::string name = absl::StrCat("moactl-", ++commands_);
  return RunToEnd({.program = ProgramPath("moactl"),
                   .args = args,
                   .environment = {{"MOA_COORDINATOR", coordinator_address_}},
                   .output_path = Path(absl::StrCat(name, ".out")),
                   .log_path = Path(absl::StrCat(name, ".err"))},
                  bound);
}

std::string MiniCluster::JobFile(absl::string_view name, absl::string_view text) {
  const std::string path = Path(name);
  WriteFile(path, text);
  return path;
}

JobView MiniCluster::Run(const std::string& job_file, const Args& args) {
  const CommandResult result =
      Moactl(Joined({"submit", "-f", job_file, "--wait", "-o", "json"}, args));
  if (result.out.empty()) throw std::runtime_error(absl::StrCat("submit: ", result.err));
  return ParseJob(result.out);
}

std::string MiniCluster::Submit(const std::string& job_file, const Args& args) {
  const CommandResult result = Moactl(Joined({"submit", "-f", job_file, "-o", "json"}, args));
  if (result.status != 0) throw std::runtime_error(absl::StrCat("submit: ", result.err));
  return ParseJob(result.out).job_id;
}

JobView MiniCluster::Get(const std::string& job_id) {
  const CommandResult result = Moactl({"get", job_id, "-o", "json"});
  if (result.out.empty()) throw std::runtime_error(absl::StrCat("get: ", result.err));
  return ParseJob(result.out);
}

JobView MiniCluster::WaitForEnd(const std::string& job_id, absl::Duration bound) {
  JobView job;
  const auto ended = [&] {
    job = Get(job_id);
    return job.state != "QUEUED" && job.state != "RUNNING";
  };
  if (!WaitUntil(ended, bound)) {
    throw std::runtime_error(absl::StrCat("job ", job_id, " is still ", job.state));
  }
  return job;
}

int64_t MiniCluster::UpstreamCalls() { return SimulatorCount("\"requests_total\":"); }

int64_t MiniCluster::UpstreamCallsClosedByClient() { return SimulatorCount("\"client_closed\":"); }

int64_t MiniCluster::SimulatorCount(absl::string_view key) {
  const std::string stats = HttpCall(simulator_address_, "GET", "/sim/stats").body;
  const size_t at = stats.find({key.data(), key.size()});
  if (at == std::string::npos) return 0;
  const size_t begin = at + key.size();
  int64_t count = -1;
  if (!absl::SimpleAtoi(stats.substr(begin, stats.find_first_of(",}", begin) - begin), &count)) {
    throw std::runtime_error(absl::StrCat("the simulator's totals do not read: ", stats));
  }
  return count;
}

std::vector<std::string> MiniCluster::DigestsCalled() {
  const std::string all = HttpCall(simulator_address_, "GET", "/sim/requests?bodies=0").body;
  std::vector<std::string> digests;
  constexpr absl::string_view kKey = "\"digest\":\"";
  for (size_t at = 0; (at = all.find(kKey.data(), at)) != std::string::npos;) {
    at += kKey.size();
    digests.push_back(all.substr(at, all.find('"', at) - at));
  }
  return digests;
}

void MiniCluster::SetFaults(absl::string_view faults) {
  const HttpReply reply = HttpCall(simulator_address_, "PUT", "/sim/faults", faults);
  if (reply.status != 200) throw std::runtime_error(absl::StrCat("faults refused: ", reply.body));
}

}  // namespace moa::cluster
