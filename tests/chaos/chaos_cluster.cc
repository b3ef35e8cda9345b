#include "tests/chaos/chaos_cluster.h"

#include <filesystem>
#include <stdexcept>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace moa::chaos {
namespace {

constexpr int kPort = 7070;  // of every host of its own
// How long a call may be silent, and a worker without a sign that its calls go on.
constexpr absl::Duration kFirstByteTimeout = absl::Seconds(4);
constexpr absl::Duration kDeafLimit = absl::Seconds(5);

int PortOf(const std::string& address) { return std::stoi(address.substr(address.rfind(':') + 1)); }

}  // namespace

ChaosCluster::ChaosCluster(ClusterOptions options, Network* network)
    : options_(std::move(options)),
      network_(network),
      journal_path_(options_.dir + "/calls.jsonl") {
  const std::string store = options_.dir + "/store";
  std::filesystem::create_directory(store);
  // The mount is in a namespace of its own, which there is only with a network of its own.
  if (network_ != nullptr) disk_ = SmallDisk::Mount(store);
  if (options_.store == StoreKind::kPostgres) StartPostgres();
  sqlite_path_ = store + "/jobs.db";
  AddSimulator();
  for (int i = 1; i <= options_.coordinators; ++i) AddCoordinator(i);
  for (const auto& coordinator : coordinators_) coordinator->process().Address("grpc");
  for (int i = 1; i <= options_.workers; ++i) AddWorker(i);
}

ChaosCluster::~ChaosCluster() {
  // Programs first: a proxy's end would look like a fault to them.
  workers_.clear();
  coordinators_.clear();
  simulator_.reset();
}

const Network::Host* ChaosCluster::NewHost(const std::string& name) {
  return network_ == nullptr ? nullptr : &network_->Add(name);
}

std::string ChaosCluster::AddressOn(const Network::Host* host) {
  return host == nullptr ? cluster::UnusedAddress() : absl::StrCat(host->address, ":", kPort);
}

std::string ChaosCluster::Dialled(const std::string& name, const Network::Host* from,
                                  const std::string& target) {
  if (!options_.proxies) return target;
  // On the dialling side, so that packets between two hosts still bear their addresses.
  links_.push_back({name, std::make_unique<TcpProxy>(TcpProxy::Options{
                              .target = target, .network_fd = from == nullptr ? -1 : from->fd})});
  return links_.back().proxy->address();
}

void ChaosCluster::StartPostgres() {
  postgres_host_ = NewHost("postgres");
  postgres_address_ = AddressOn(postgres_host_);
  const bool apart = postgres_host_ != nullptr;
  postgres_ = std::make_unique<PostgresServer>(PostgresServer::Options{
      .host = apart ? postgres_host_->address : "127.0.0.1",
      .port = PortOf(postgres_address_),
      .clients = apart ? Network::kAddresses : "127.0.0.1",
      .network_namespace = apart ? postgres_host_->path() : "",
      .settings = {absl::StrCat("fsync=", options_.fsync ? "on" : "off"), "full_page_writes=on",
                   "shared_buffers=128MB", "max_connections=100"}});
  postgres_->NewDatabase(disk_ == nullptr ? "" : disk_->path());
  database_ = "jobs1";
}

std::string ChaosCluster::database_url() const { return postgres_->Url(database_); }

void ChaosCluster::AddSimulator() {
  const Network::Host* host = NewHost("simulator");
  const std::string address = AddressOn(host);
  // Replies of one length without queueing: the rate of jobs is then as steady as the cluster is.
  simulator_ = std::make_unique<Node>(
      Node::Options{.name = "simulator",
                    .program = "cerebras-sim",
                    .args = {"--listen", address, "--tier", "unlimited", "--record", "0",
                             "--journal", journal_path_, "--time-scale",
                             absl::StrCat(options_.time_scale), "--slow-queue-share", "0",
                             "--reply-tokens", "100", "--seed", absl::StrCat(options_.seed)},
                    .variables = {},
                    .dir = options_.dir,
                    .address = address,
                    .host = host});
  simulator_->Start();
}

void ChaosCluster::AddCoordinator(int number) {
  const std::string name = absl::StrCat("coordinator-", number);
  const Network::Host* host = NewHost(name);
  const std::string address = AddressOn(host);
  std::string store = "sqlite:" + sqlite_path_;
  if (postgres_ != nullptr) {
    store = absl::StrCat("postgres://moa@", Dialled(name + " to postgres", host, postgres_address_),
                         "/", database_);
  }
  // Without second calls beside slow ones, so that calls can be counted.
  cluster::Args args = {"--listen", address,         "--metrics-listen", "127.0.0.1:0", "--store",
                        store,      "--hedge=false", "--drain-timeout",  "10s"};
  if (host != nullptr) args.emplace_back("--insecure");
  // Without a reserve, which a small disk would not hold.
  args.insert(args.end(),
              {"--deaf-limit", absl::FormatDuration(kDeafLimit), "--min-free-disk-mib", "0"});
  if (postgres_ != nullptr) {
    args.insert(args.end(), {"--lease", absl::FormatDuration(options_.lease)});
  }
  args.insert(args.end(), options_.coordinator_flags.begin(), options_.coordinator_flags.end());
  coordinators_.push_back(std::make_unique<Node>(Node::Options{.name = name,
                                                               .program = "moa-coordinator",
                                                               .args = args,
                                                               .variables = {},
                                                               .dir = options_.dir,
                                                               .address = address,
                                                               .host = host}));
  coordinators_.back()->Start();
}

void ChaosCluster::AddWorker(int number) {
  const std::string name = absl::StrCat("worker-", number);
  const Network::Host* host = NewHost(name);
  std::vector<std::string> dialled;
  for (const auto& coordinator : coordinators_) {
    dialled.push_back(
        Dialled(absl::StrCat(name, " to ", coordinator->name()), host, coordinator->address()));
  }
  workers_.push_back(std::make_unique<Node>(Node::Options{
      .name = name,
      .program = "moa-worker",
      .args = {"--coordinator", absl::StrJoin(dialled, ","), "--base-url",
               absl::StrCat("http://", simulator_->address()), "--metrics-listen", "127.0.0.1:0",
               "--name", name, "--slots", absl::StrCat(options_.slots),
               "--upstream-first-byte-timeout", absl::FormatDuration(kFirstByteTimeout),
               "--upstream-timeout", "15s", "--drain-timeout", "10s"},
      .variables = {{"CEREBRAS_API_KEY", "chaos-key"}},
      .dir = options_.dir,
      .address = "",
      .host = host}));
  workers_.back()->Start();
}

std::vector<Node*> ChaosCluster::nodes() {
  std::vector<Node*> all = {simulator_.get()};
  for (const auto& node : coordinators_) all.push_back(node.get());
  for (const auto& node : workers_) all.push_back(node.get());
  return all;
}

void ChaosCluster::Supervise() {
  const absl::Time now = absl::Now();
  for (Node* node : nodes()) node->Supervise(now);
  if (postgres_ != nullptr && !postgres_held_ && !postgres_->Running()) postgres_->Start();
}

std::vector<std::string> ChaosCluster::Shutdown() {
  std::vector<std::string> stubborn;
  for (Node* node : nodes()) {
    if (node == simulator_.get() || !node->up()) continue;
    if (!node->Shutdown(absl::Seconds(20)).has_value()) stubborn.push_back(node->name());
  }
  simulator_->Shutdown(absl::Seconds(5));
  return stubborn;
}

}  // namespace moa::chaos
