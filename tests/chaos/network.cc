#include "tests/chaos/network.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/chaos/namespace_scope.h"

namespace moa::chaos {
namespace {

constexpr char kBridge[] = "moa0";

std::string PathOfProgram(absl::string_view name) {
  for (const char* folder : {"/usr/sbin/", "/sbin/", "/usr/bin/", "/bin/"}) {
    std::string path = absl::StrCat(folder, name);
    if (access(path.c_str(), X_OK) == 0) return path;
  }
  return "";
}

}  // namespace

std::string Network::Host::path() const { return absl::StrCat("/proc/", getpid(), "/fd/", fd); }

std::unique_ptr<Network> Network::Create(const std::string& dir, std::string* why_not) {
  for (const char* program : {"ip", "nft", "nsenter"}) {
    if (!PathOfProgram(program).empty()) continue;
    *why_not = absl::StrCat("there is no program ", program);
    return nullptr;
  }
  if (unshare(CLONE_NEWNET | CLONE_NEWNS) != 0) {
    *why_not = absl::StrCat("network namespaces are not allowed: ", std::strerror(errno));
    return nullptr;
  }
  mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  std::unique_ptr<Network> network(new Network(dir));
  // From here on the process has a network of its own, and at least needs its loopback.
  network->Run("ip", {"link", "set", "lo", "up"});
  try {
    network->Run("ip", {"link", "add", kBridge, "type", "bridge"});
    network->Run("ip", {"addr", "add", absl::StrCat(kOwnAddress, "/24"), "dev", kBridge});
    network->Run("ip", {"link", "set", kBridge, "up"});
    const Host& probe = network->Add("probe");
    network->OnArrival(probe, kOwnAddress, "drop");
  } catch (const std::exception& error) {
    *why_not = error.what();
    return nullptr;
  }
  return network;
}

Network::~Network() {
  for (const auto& host : hosts_) close(host->fd);
}

const Network::Host& Network::Add(absl::string_view name) {
  auto host = std::make_unique<Host>();
  const size_t number = hosts_.size() + 2;
  host->name = std::string(name);
  host->cable = absl::StrCat("host", number);
  host->address = absl::StrCat("10.77.0.", number);
  const int own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  if (own < 0 || unshare(CLONE_NEWNET) != 0) throw std::runtime_error("no network namespace");
  host->fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  const int home = setns(own, CLONE_NEWNET);
  close(own);
  if (host->fd < 0 || home != 0) throw std::runtime_error("no way back from a network namespace");
  const Host& added = *hosts_.emplace_back(std::move(host));
  const std::string& cable = added.cable;
  Run("ip", {"link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", added.path()});
  Run("ip", {"link", "set", cable, "master", kBridge, "up"});
  Run("ip", {"addr", "add", absl::StrCat(added.address, "/24"), "dev", "eth0"}, added.fd);
  Run("ip", {"link", "set", "eth0", "up"}, added.fd);
  Run("ip", {"link", "set", "lo", "up"}, added.fd);
  return added;
}

void Network::OnArrival(const Host& at, const std::string& from, absl::string_view statement) {
  Run("nft", {"add", "table", "inet", "chaos"}, at.fd);
  Run("nft",
      {"add", "chain", "inet", "chaos", "arrivals", "{ type filter hook input priority 0; }"},
      at.fd);
  Run("nft",
      {absl::StrCat("add rule inet chaos arrivals ip saddr ", from, " ip protocol tcp ",
                    statement)},
      at.fd);
}

void Network::Heal(const Host& at) {
  Run("nft", {"add", "table", "inet", "chaos"}, at.fd);  // may not be there
  Run("nft", {"delete", "table", "inet", "chaos"}, at.fd);
}

void Network::SetLink(const Host& host, const char* state) {
  Run("ip", {"link", "set", host.cable, state});
}

void Network::Run(const std::string& program, const std::vector<std::string>& args,
                  int network_fd) {
  const cluster::CommandResult result = cluster::RunToEnd({.program = PathOfProgram(program),
                                                           .args = args,
                                                           .environment = {},
                                                           .output_path = dir_ + "/network.out",
                                                           .log_path = dir_ + "/network.err",
                                                           .network_fd = network_fd});
  if (result.status == 0) return;
  throw std::runtime_error(absl::StrCat(program, " ", args[0], ": ", result.err, result.out));
}

}  // namespace moa::chaos
