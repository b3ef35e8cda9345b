#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/cluster/process.h"

namespace moa::chaos {

// A network of hosts on this machine, each a network namespace with an address, joined by a bridge to which the
// calling process belongs too (kOwnAddress). Namespaces have no names: the kernel removes everything when the last
// process in them has ended, in whichever way.
//
// Owner: the run. Used by the thread that made it.
class Network {
 public:
  static constexpr char kOwnAddress[] = "10.77.0.1";
  static constexpr char kAddresses[] = "10.77.0.0/24";

  struct Host {
    std::string name;
    std::string address;  // IPv4
    std::string cable;    // the bridge's end of its link
    int fd = -1;          // its namespace

    std::string path() const;  // of the same, for programs that want one
  };

  // Moves this process into network and mount namespaces of its own; what it starts afterwards follows. Null when that
  // is not allowed, or a program is missing; `*why_not` then says what.
  // REQUIRES: the process has one thread.
  static std::unique_ptr<Network> Create(const std::string& dir, std::string* why_not);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  // A new host; valid as long as this. Throws std::runtime_error.
  const Host& Add(absl::string_view name);

  // What `at` does with packets that come from `from`: an nft statement, as "drop". One statement for each host, the
  // last one given. Throws std::runtime_error.
  void OnArrival(const Host& at, const std::string& from, absl::string_view statement);
  void Heal(const Host& at);

  // The host's cable, out of the bridge and in again: nobody is told, packets are lost. Throws std::runtime_error.
  void Unplug(const Host& host) { SetLink(host, "down"); }
  void Plug(const Host& host) { SetLink(host, "up"); }

 private:
  explicit Network(std::string dir) : dir_(std::move(dir)) {}

  void SetLink(const Host& host, const char* state);
  // Runs a program in a namespace (-1: the own one); throws with its words when it fails.
  void Run(const std::string& program, const std::vector<std::string>& args, int network_fd = -1);

  const std::string dir_;
  std::vector<std::unique_ptr<Host>> hosts_;
};

}  // namespace moa::chaos
