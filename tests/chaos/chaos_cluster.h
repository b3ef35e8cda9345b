#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/network.h"
#include "tests/chaos/node.h"
#include "tests/chaos/small_disk.h"
#include "tests/chaos/tcp_proxy.h"
#include "tests/postgres/postgres_server.h"

namespace moa::chaos {

enum class StoreKind { kSqlite, kPostgres };

struct ClusterOptions {
  std::string dir;  // for stores and logs
  StoreKind store = StoreKind::kSqlite;
  int coordinators = 1;
  int workers = 4;
  int slots = 128;                          // of each worker; more than the load needs
  double time_scale = 3;                    // of the simulator: what the load waits for
  absl::Duration lease = absl::Seconds(3);  // of coordinators on PostgreSQL
  bool fsync = false;                       // of PostgreSQL
  bool proxies = true;              // between workers and coordinators, coordinators and PostgreSQL
  cluster::Args coordinator_flags;  // after all others
  uint64_t seed = 1;
};

// A link that a proxy stands in.
struct Link {
  std::string name;  // "worker-1 to coordinator-2"
  std::unique_ptr<TcpProxy> proxy;
};

// The real programs, each on a host of its own where `network` is not null, else on loopback.
//
// Owner: the run. Used by the thread that made it only.
class ChaosCluster {
 public:
  // Starts everything; returns once every coordinator listens. Throws std::runtime_error. `network` outlives this.
  ChaosCluster(ClusterOptions options, Network* network);
  ~ChaosCluster();
  ChaosCluster(const ChaosCluster&) = delete;
  ChaosCluster& operator=(const ChaosCluster&) = delete;

  const ClusterOptions& options() const { return options_; }
  Network* network() { return network_; }
  std::vector<std::unique_ptr<Node>>& coordinators() { return coordinators_; }
  std::vector<std::unique_ptr<Node>>& workers() { return workers_; }
  Node& simulator() { return *simulator_; }
  PostgresServer* postgres() { return postgres_.get(); }  // null with SQLite
  // While it is held down, nobody starts it again.
  void HoldPostgres(bool held) { postgres_held_ = held; }
  const Network::Host* postgres_host() const { return postgres_host_; }
  // The store's file system where it is one that can be filled up, else null.
  SmallDisk* disk() { return disk_.get(); }
  std::vector<Link>& links() { return links_; }
  std::vector<Node*> nodes();

  const std::string& sqlite_path() const { return sqlite_path_; }
  const std::string& journal_path() const { return journal_path_; }
  std::string database_url() const;  // of PostgreSQL, for reading
  const std::string& database() const { return database_; }

  // Starts again what has ended. Call it often.
  void Supervise();
  // Ends all programs but PostgreSQL; says which did not end by themselves.
  std::vector<std::string> Shutdown();

 private:
  void StartPostgres();
  void AddSimulator();
  void AddCoordinator(int number);
  void AddWorker(int number);
  const Network::Host* NewHost(const std::string& name);
  static std::string AddressOn(const Network::Host* host);
  // The address that `from` dials to reach `target`, a proxy's where there are proxies.
  std::string Dialled(const std::string& name, const Network::Host* from,
                      const std::string& target);

  const ClusterOptions options_;
  Network* const network_;
  std::unique_ptr<SmallDisk> disk_;
  std::string sqlite_path_;
  std::string journal_path_;
  std::string database_;
  std::string postgres_address_;
  const Network::Host* postgres_host_ = nullptr;
  std::unique_ptr<PostgresServer> postgres_;
  bool postgres_held_ = false;
  std::vector<Link> links_;
  std::unique_ptr<Node> simulator_;
  std::vector<std::unique_ptr<Node>> coordinators_;
  std::vector<std::unique_ptr<Node>> workers_;
};

}  // namespace moa::chaos
