// Programs that die, hang, or are asked to leave.

#include "absl/strings/str_cat.h"
#include "tests/chaos/fault.h"

namespace moa::chaos {
namespace {

bool SeveralCoordinators(ChaosCluster& cluster) { return cluster.coordinators().size() > 1; }

std::string For(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(10)));
}

// SIGKILL; a supervisor starts it again.
class Kill : public Fault {
 public:
  Kill(Node& node, absl::Duration down_for) : node_(node), down_for_(down_for) {
    Describe(absl::StrCat(node.name(), ", down for ", For(down_for)),
             down_for + absl::Milliseconds(50));
  }
  void Strike() override { node_.Kill(down_for_); }

 private:
  Node& node_;
  const absl::Duration down_for_;
};

// Restarted at once by its supervisor, or, where others can take over, later than the lease ends.
class CoordinatorKill : public Kill {
 public:
  CoordinatorKill(ChaosCluster& cluster, Random& random)
      : Kill(*DrawOne(cluster.coordinators(), random), DownFor(cluster, random)) {
    HealsAtOnce(SeveralCoordinators(cluster));
  }

 private:
  static absl::Duration DownFor(ChaosCluster& cluster, Random& random) {
    const bool longer = SeveralCoordinators(cluster) && random.Integer(0, 1) == 1;
    return longer ? cluster.options().lease + absl::Seconds(2) : absl::Milliseconds(300);
  }
};

class WorkerKill : public Kill {
 public:
  WorkerKill(ChaosCluster& cluster, Random& random)
      : Kill(*DrawOne(cluster.workers(), random),
             DrawDuration(random, absl::Milliseconds(500), absl::Seconds(4))) {
    HealsAtOnce(cluster.workers().size() > 1);
  }
};

class SimulatorKill : public Kill {
 public:
  SimulatorKill(ChaosCluster& cluster, Random& random)
      : Kill(cluster.simulator(),
             DrawDuration(random, absl::Milliseconds(100), absl::Milliseconds(500))) {
    StrikesProvider(true);
  }
};

// SIGSTOP: it neither answers nor closes anything.
class Pause : public Fault {
 public:
  Pause(Node& node, absl::Duration lasts) : node_(node) {
    Describe(absl::StrCat(node.name(), " for ", For(lasts)), lasts);
    ComesBack(true);
  }
  void Strike() override { node_.Pause(); }
  void Undo() override { node_.Resume(); }

 private:
  Node& node_;
};

class CoordinatorPause : public Pause {
 public:
  CoordinatorPause(ChaosCluster& cluster, Random& random)
      : Pause(*DrawOne(cluster.coordinators(), random),
              cluster.options().lease * random.Real(0.2, 0.6)) {}
};

class CoordinatorStop : public Pause {
 public:
  CoordinatorStop(ChaosCluster& cluster, Random& random)
      : Pause(*DrawOne(cluster.coordinators(), random),
              cluster.options().lease + DrawDuration(random, absl::Seconds(2), absl::Seconds(4))) {
    HealsAtOnce(SeveralCoordinators(cluster));
  }
};

class WorkerStop : public Pause {
 public:
  WorkerStop(ChaosCluster& cluster, Random& random)
      : Pause(*DrawOne(cluster.workers(), random),
              DrawDuration(random, absl::Seconds(1), absl::Seconds(8))) {
    // Its calls go on without anybody who reads them, and are the worker's failures then.
    StrikesProvider(true);
  }
};

// SIGTERM, as in a rolling update; started again once it has ended.
class Drain : public Fault {
 public:
  explicit Drain(Node& node) : node_(node), lives_(node.lives()) {
    Describe(node.name(), absl::Seconds(15));
  }
  void Strike() override { node_.Terminate(); }
  bool Over() override { return node_.lives() > lives_; }

 private:
  Node& node_;
  const int lives_;
};

class CoordinatorDrain : public Drain {
 public:
  CoordinatorDrain(ChaosCluster& cluster, Random& random)
      : Drain(*DrawOne(cluster.coordinators(), random)) {
    HealsAtOnce(SeveralCoordinators(cluster));
  }
};

class WorkerDrain : public Drain {
 public:
  WorkerDrain(ChaosCluster& cluster, Random& random) : Drain(*DrawOne(cluster.workers(), random)) {
    HealsAtOnce(cluster.workers().size() > 1);
  }
};

}  // namespace

std::vector<FaultKind> ProcessFaults() {
  return {
      KindOf<CoordinatorKill>("coordinator-kill", "SIGKILL of a coordinator"),
      KindOf<WorkerKill>("worker-kill", "SIGKILL of a worker"),
      KindOf<SimulatorKill>("simulator-kill", "SIGKILL of the simulator"),
      KindOf<CoordinatorPause>("coordinator-pause", "SIGSTOP of one for less than its lease"),
      KindOf<CoordinatorStop>("coordinator-stop", "SIGSTOP of one for longer than its lease"),
      KindOf<WorkerStop>("worker-stop", "SIGSTOP of a worker: a deaf peer"),
      KindOf<CoordinatorDrain>("coordinator-drain", "SIGTERM and restart of a coordinator"),
      KindOf<WorkerDrain>("worker-drain", "SIGTERM and restart of a worker"),
  };
}

}  // namespace moa::chaos
