// Packets between two hosts that get lost: all, some, in one direction, or with a reset.

#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/chaos/fault.h"

namespace moa::chaos {
namespace {

// Two hosts that talk to each other. The clients' host is the run's own process.
struct Talkers {
  Network::Host a;
  Network::Host b;
  bool provider = false;
};

Talkers DrawTalkers(ChaosCluster& cluster, Random& random) {
  const Network::Host& coordinator = *DrawOne(cluster.coordinators(), random)->host();
  const Network::Host& worker = *DrawOne(cluster.workers(), random)->host();
  std::vector<Talkers> pairs = {
      {worker, coordinator},
      {worker, *cluster.simulator().host(), true},
      {{.name = "clients", .address = Network::kOwnAddress, .fd = -1}, coordinator}};
  if (cluster.postgres() != nullptr) {
    // Twice: it is what leases and fences are there for.
    pairs.push_back({coordinator, *cluster.postgres_host()});
    pairs.push_back({coordinator, *cluster.postgres_host()});
  }
  if (cluster.coordinators().size() > 1) {
    const Network::Host* other = cluster.coordinators().front()->host();
    if (other->name == coordinator.name) other = cluster.coordinators().back()->host();
    pairs.push_back({coordinator, *other});
  }
  return DrawOne(pairs, random);
}

class Rules : public Fault {
 public:
  Rules(ChaosCluster& cluster, Random& random, absl::Duration low, absl::Duration high)
      : cluster_(cluster), talkers_(DrawTalkers(cluster, random)) {
    if (random.Integer(0, 1) == 1) std::swap(talkers_.a, talkers_.b);
    const absl::Duration lasts = DrawDuration(random, low, high);
    Describe(absl::StrCat(talkers_.a.name, " and ", talkers_.b.name, " for ",
                          absl::FormatDuration(absl::Trunc(lasts, absl::Milliseconds(10)))),
             lasts);
    ComesBack(true);
    StrikesProvider(talkers_.provider);
  }
  void Undo() override {
    cluster_.network()->Heal(talkers_.a);
    cluster_.network()->Heal(talkers_.b);
  }

 protected:
  void FromAToB(absl::string_view statement) {
    cluster_.network()->OnArrival(talkers_.b, talkers_.a.address, statement);
  }
  void FromBToA(absl::string_view statement) {
    cluster_.network()->OnArrival(talkers_.a, talkers_.b.address, statement);
  }

 private:
  ChaosCluster& cluster_;
  Talkers talkers_;
};

class Partition : public Rules {
 public:
  Partition(ChaosCluster& cluster, Random& random)
      : Rules(cluster, random, absl::Seconds(1), absl::Seconds(8)) {}
  void Strike() override {
    FromAToB("drop");
    FromBToA("drop");
  }
};

class PartitionOneWay : public Rules {
 public:
  PartitionOneWay(ChaosCluster& cluster, Random& random)
      : Rules(cluster, random, absl::Seconds(1), absl::Seconds(8)) {}
  void Strike() override { FromAToB("drop"); }
};

class Reset : public Rules {
 public:
  Reset(ChaosCluster& cluster, Random& random)
      : Rules(cluster, random, absl::Milliseconds(200), absl::Seconds(1)) {}
  void Strike() override {
    FromAToB("reject with tcp reset");
    FromBToA("reject with tcp reset");
  }
};

class Loss : public Rules {
 public:
  Loss(ChaosCluster& cluster, Random& random)
      : Rules(cluster, random, absl::Seconds(3), absl::Seconds(6)) {}
  void Strike() override {
    FromAToB("numgen random mod 100 < 5 drop");
    FromBToA("numgen random mod 100 < 5 drop");
  }
};

std::string NeedsNetwork(ChaosCluster& cluster) {
  return cluster.network() == nullptr ? "the programs have no hosts of their own" : "";
}

}  // namespace

std::vector<FaultKind> NetworkFaults() {
  return {
      KindOf<Partition>("partition", "two hosts do not reach each other", NeedsNetwork),
      KindOf<PartitionOneWay>("partition-one-way", "one does not reach the other", NeedsNetwork),
      KindOf<Reset>("reset", "connections between two hosts are reset", NeedsNetwork),
      KindOf<Loss>("loss", "5 % of the packets between two hosts are lost", NeedsNetwork),
  };
}

}  // namespace moa::chaos
