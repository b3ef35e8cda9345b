// A database that restarts in each of its ways, or ends single sessions.

#include "absl/strings/str_cat.h"
#include "tests/chaos/fault.h"

namespace moa::chaos {
namespace {

// Down for a while. Each way to go down is a class.
class Outage : public Fault {
 public:
  Outage(ChaosCluster& cluster, absl::string_view how, absl::Duration lasts) : cluster_(cluster) {
    Describe(absl::StrCat(how, ", down for ",
                          absl::FormatDuration(absl::Trunc(lasts, absl::Milliseconds(10)))),
             lasts);
    ComesBack(true);
  }
  void Undo() override {
    cluster_.HoldPostgres(false);
    server().Start();
  }

 protected:
  PostgresServer& server() { return *cluster_.postgres(); }
  void Hold() { cluster_.HoldPostgres(true); }

 private:
  ChaosCluster& cluster_;
};

class Smart : public Outage {
 public:
  // As long as a session lasts, the server waits; who operates it loses patience in the end.
  Smart(ChaosCluster& cluster, Random& random)
      : Outage(cluster, "smart shutdown, then fast",
               DrawDuration(random, absl::Seconds(1), absl::Seconds(3))) {}
  void Strike() override {
    Hold();
    server().RefuseConnections();
  }
  void Undo() override {
    if (server().Running()) server().Stop();
    Outage::Undo();
  }
};

class Fast : public Outage {
 public:
  Fast(ChaosCluster& cluster, Random& random)
      : Outage(cluster, "fast shutdown",
               DrawDuration(random, absl::Milliseconds(200), absl::Seconds(2))) {}
  void Strike() override {
    Hold();
    server().Stop();
  }
};

class Immediate : public Outage {
 public:
  Immediate(ChaosCluster& cluster, Random& random)
      : Outage(cluster, "immediate shutdown",
               DrawDuration(random, absl::Milliseconds(200), absl::Seconds(2))) {}
  void Strike() override {
    Hold();
    server().Kill();
  }
};

class BackendKill : public Fault {
 public:
  BackendKill(ChaosCluster& cluster, Random& random)
      : cluster_(cluster), count_(random.Integer(1, 4)) {
    Describe(absl::StrCat(count_, " sessions"), absl::Milliseconds(10));
  }
  void Strike() override {
    cluster_.postgres()->TryExecute(absl::StrCat(
        "SELECT pg_terminate_backend(pid) FROM (SELECT pid FROM pg_stat_activity WHERE datname = '",
        cluster_.database(), "' ORDER BY random() LIMIT ", count_, ") AS some"));
  }

 private:
  ChaosCluster& cluster_;
  const int64_t count_;
};

}  // namespace

std::vector<FaultKind> PostgresFaults() {
  return {
      KindOf<Smart>("postgres-smart", "PostgreSQL refuses sessions, then restarts", NeedsPostgres),
      KindOf<Fast>("postgres-fast", "PostgreSQL restarts as an operator does it", NeedsPostgres),
      KindOf<Immediate>("postgres-immediate", "PostgreSQL dies and recovers", NeedsPostgres),
      KindOf<BackendKill>("backend-kill", "PostgreSQL ends a few sessions", NeedsPostgres),
  };
}

}  // namespace moa::chaos
