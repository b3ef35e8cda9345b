#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/network.h"
#include "tests/cluster/mini_cluster.h"

namespace moa::chaos {

// A program of the cluster through all its lives: what faults strike, and what is started again as a supervisor would.
//
// Owner: ChaosCluster. Used by the thread that made it only: the kernel ends the programs with that thread.
class Node {
 public:
  struct Options {
    std::string name;
    std::string program;
    cluster::Args args;
    cluster::Variables variables;
    std::string dir;                      // of its logs
    std::string address;                  // where it listens, for people and for other nodes
    const Network::Host* host = nullptr;  // where it runs; null: on this machine's loopback
  };

  // How often it ended by itself, by exit status (128 + N: by signal N, which is a defect).
  struct Ended {
    std::string node;
    int status = 0;
    std::string last_words;
  };

  explicit Node(Options options) : options_(std::move(options)) {}

  const std::string& name() const { return options_.name; }
  const std::string& address() const { return options_.address; }
  const Network::Host* host() const { return options_.host; }
  bool up() const { return process_ != nullptr; }
  bool paused() const { return paused_; }
  int lives() const { return lives_; }
  const std::vector<Ended>& ended_by_itself() const { return ended_; }
  // REQUIRES: up().
  cluster::Process& process() { return *process_; }

  void Start();
  // SIGKILL; started again after `down_for`.
  void Kill(absl::Duration down_for);
  // SIGTERM; started again once it has ended.
  void Terminate();
  // SIGSTOP and SIGCONT.
  void Pause();
  void Resume();
  // SIGTERM, then SIGKILL after `patience`; for good. Returns the exit status.
  std::optional<int> Shutdown(absl::Duration patience);

  // Notices an end and starts it again when that is due. Call it often.
  void Supervise(absl::Time now);

 private:
  const Options options_;
  std::unique_ptr<cluster::Process> process_;
  int lives_ = 0;
  bool paused_ = false;
  bool terminating_ = false;
  absl::Time start_at_ = absl::InfiniteFuture();
  std::vector<Ended> ended_;
};

}  // namespace moa::chaos
