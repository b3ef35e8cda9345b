#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/cluster/http_call.h"
#include "tests/cluster/job_view.h"
#include "tests/cluster/process.h"

namespace moa::cluster {

using Args = std::vector<std::string>;
using Variables = std::vector<std::pair<std::string, std::string>>;

// A cluster of the real programs on this machine, each on a port that the kernel chose, with a
// directory of its own for store and logs.
//
//   MiniCluster cluster;
//   cluster.StartSimulator();
//   cluster.StartCoordinator();
//   cluster.StartWorker();
//   JobView job = cluster.Run(cluster.JobFile("a.yaml", kJob));
//
// When a test fails, the ends of the logs are printed and the directory is kept; otherwise it is
// removed. Whatever cannot be done throws std::runtime_error. Owner: the test. Not thread-safe.
class MiniCluster {
 public:
  MiniCluster();
  ~MiniCluster();
  MiniCluster(const MiniCluster&) = delete;
  MiniCluster& operator=(const MiniCluster&) = delete;

  const std::string& dir() const { return dir_; }
  std::string Path(absl::string_view name) const;

  // Each starts the program with what it needs to find the others, then `args`, and waits until it
  // can serve. A program of the same name is killed first.
  Process& StartSimulator(const Args& args = {});
  // Keeps its address over restarts, and its store in `jobs.db` unless `args` say otherwise.
  Process& StartCoordinator(const Args& args = {});
  // One of several coordinators on one store, which `args` name. Keeps its address over restarts. Workers that are
  // started later dial all of them; moactl asks any, unless its arguments name one.
  Process& StartReplica(absl::string_view name, const Args& args);
  const std::string& replica_address(absl::string_view name) const;
  // Does not wait for the coordinator; WaitForWorkers does.
  Process& StartWorker(absl::string_view name = "worker", const Args& args = {},
                       const Variables& variables = {});
  // Starts any program under a name; for those that are to fail as well. Does not wait.
  Process& Start(absl::string_view name, absl::string_view program, const Args& args,
                 const Variables& variables = {});

  // Simulator (by default without delays), coordinator, `workers` workers, all connected.
  void StartAll(int workers = 1, const Args& simulator_args = {"--time-scale", "0"});
  void WaitForWorkers(int count);

  Process& process(absl::string_view name);
  Process& simulator() { return process("simulator"); }
  Process& coordinator() { return process("coordinator"); }

  const std::string& coordinator_address() const { return coordinator_address_; }
  const std::string& simulator_address() const { return simulator_address_; }

  // Runs moactl against the coordinator.
  CommandResult Moactl(const Args& args, absl::Duration bound = kPatience);
  // Writes `text` to a file and returns its path.
  std::string JobFile(absl::string_view name, absl::string_view text);
  // `moactl submit -f FILE --wait -o json`, whatever the job's end.
  JobView Run(const std::string& job_file, const Args& args = {});
  // `moactl submit -f FILE`; the job's id. Throws when it was not accepted.
  std::string Submit(const std::string& job_file, const Args& args = {});
  JobView Get(const std::string& job_id);
  // Waits until the job has ended.
  JobView WaitForEnd(const std::string& job_id, absl::Duration bound = kPatience);

  // Completions that the simulator has been asked for so far, refused ones included.
  int64_t UpstreamCalls();
  // Those of them whose client closed the connection before the end.
  int64_t UpstreamCallsClosedByClient();
  // The digests of the prompts it was asked to complete, in the order of arrival.
  std::vector<std::string> DigestsCalled();
  // Replaces the simulator's faults; "" for none.
  void SetFaults(absl::string_view faults);

 private:
  int64_t SimulatorCount(absl::string_view key);

  std::string dir_;
  std::string coordinator_address_;  // or several, with commas between them
  std::map<std::string, std::string, std::less<>> replica_addresses_;
  std::string simulator_address_;
  std::map<std::string, std::unique_ptr<Process>, std::less<>> processes_;
  int commands_ = 0;
};

// The path of a program that the build made.
std::string ProgramPath(absl::string_view name);

// A loopback address whose port nobody listens on, outside the range that the kernel gives to
// clients.
std::string UnusedAddress();

}  // namespace moa::cluster
