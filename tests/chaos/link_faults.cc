// Connections that are slow, silent or ended, by the proxy that stands in them.

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/chaos/fault.h"

namespace moa::chaos {
namespace {

constexpr absl::Duration kDelay = absl::Milliseconds(200);

// All links of one coordinator to its database, or of one worker to the coordinators.
class Links : public Fault {
 public:
  Links(ChaosCluster& cluster, Random& random, absl::Duration low, absl::Duration high) {
    std::vector<std::string> names;
    for (const auto& worker : cluster.workers()) names.push_back(worker->name());
    if (cluster.postgres() != nullptr) {
      for (const auto& coordinator : cluster.coordinators()) names.push_back(coordinator->name());
    }
    const std::string from = DrawOne(names, random);
    for (Link& link : cluster.links()) {
      if (absl::StartsWith(link.name, from + " ")) proxies_.push_back(link.proxy.get());
    }
    const absl::Duration lasts = DrawDuration(random, low, high);
    Describe(absl::StrCat("what ", from, " dials, for ",
                          absl::FormatDuration(absl::Trunc(lasts, absl::Milliseconds(10)))),
             lasts);
    ComesBack(true);
  }

 protected:
  const std::vector<TcpProxy*>& proxies() const { return proxies_; }

 private:
  std::vector<TcpProxy*> proxies_;
};

class Delay : public Links {
 public:
  Delay(ChaosCluster& cluster, Random& random)
      : Links(cluster, random, absl::Seconds(3), absl::Seconds(6)) {}
  void Strike() override {
    for (TcpProxy* proxy : proxies()) proxy->SetDelay(kDelay);
  }
  void Undo() override {
    for (TcpProxy* proxy : proxies()) proxy->SetDelay(absl::ZeroDuration());
  }
};

class Stall : public Links {
 public:
  Stall(ChaosCluster& cluster, Random& random)
      : Links(cluster, random, absl::Seconds(1), absl::Seconds(6)) {}
  void Strike() override {
    for (TcpProxy* proxy : proxies()) proxy->SetStalled(true);
  }
  void Undo() override {
    for (TcpProxy* proxy : proxies()) proxy->SetStalled(false);
  }
};

class Close : public Links {
 public:
  Close(ChaosCluster& cluster, Random& random)
      : Links(cluster, random, absl::Milliseconds(10), absl::Milliseconds(10)) {}
  void Strike() override {
    for (TcpProxy* proxy : proxies()) proxy->CloseConnections();
  }
};

std::string NeedsProxies(ChaosCluster& cluster) {
  return cluster.links().empty() ? "no proxy stands in the connections" : "";
}

}  // namespace

std::vector<FaultKind> LinkFaults() {
  return {
      KindOf<Delay>("delay", "200 ms more each way", NeedsProxies),
      KindOf<Stall>("stall", "connections fall silent", NeedsProxies),
      KindOf<Close>("close", "connections are reset once", NeedsProxies),
  };
}

}  // namespace moa::chaos
