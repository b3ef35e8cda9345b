#include "coordinator/program.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/log/log.h"
#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "common/net/address.h"
#include "common/net/grpc_defaults.h"
#include "common/net/metrics_server.h"
#include "common/net/shutdown.h"
#include "common/net/tls.h"
#include "coordinator/config.h"
#include "coordinator/metrics/cluster_metrics.h"
#include "coordinator/metrics/coordinator_metrics.h"
#include "coordinator/metrics/snapshot.h"
#include "coordinator/metrics/store_metrics.h"
#include "coordinator/metrics/trace_metrics.h"
#include "coordinator/rpc/admin_service.h"
#include "coordinator/rpc/health_states.h"
#include "coordinator/rpc/peers.h"
#include "coordinator/rpc/public_service.h"
#include "coordinator/rpc/worker_hub.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/runtime/membership.h"
#include "coordinator/store/open.h"
#include "coordinator/tracing/otlp_tracer.h"

namespace moa {
namespace {

// Running calls of clients get so long to be answered when the server ends.
constexpr absl::Duration kServerGrace = absl::Seconds(1);

QuotaRule RuleOf(const QuotaConfig& config) {
  return {.key = config.key,
          .model = config.model,
          .limits = {.requests = {config.requests_per_minute, config.requests_per_hour,
                                  config.requests_per_day},
                     .tokens = {config.tokens_per_minute, config.tokens_per_hour,
                                config.tokens_per_day},
                     .total_tokens = {config.total_tokens_per_minute, std::nullopt, std::nullopt}},
          .concurrent_max = config.max_concurrent.value_or(0)};
}

Coordinator::Options MakeRuntimeOptions(const CoordinatorOptions& options,
                                        const CoordinatorConfig& config, uint64_t epoch,
                                        bool shares_store) {
  SchedulerOptions scheduling;
  // Of a quota that others may be using nothing is used before the shares are settled.
  if (shares_store) scheduling.share_ppm_initial = 0;
  for (const QuotaConfig& quota : config.quotas) scheduling.quotas.push_back(RuleOf(quota));
  scheduling.hedging = options.hedge;
  return {.epoch = epoch,
          .jobs_max = static_cast<uint64_t>(options.max_queued_jobs),
          .text_bytes_max = static_cast<uint64_t>(options.max_queued_bytes),
          .watchers_max = static_cast<uint64_t>(options.max_watchers),
          .adoption_grace = options.adoption_grace,
          .reconnect_grace = options.reconnect_grace,
          .deaf_limit = options.deaf_limit,
          .scheduling = std::move(scheduling),
          .stream_always = options.stream_upstream};
}

absl::StatusOr<RunningServer> Serve(const CoordinatorOptions& options, PublicService& jobs,
                                    WorkerHub& workers, AdminService& admin) {
  MOA_ASSIGN_OR_RETURN(const Address address, ParseAddress(options.listen));
  MOA_RETURN_IF_ERROR(CheckListenAllowed(address, !options.tls.empty(), options.insecure));
  MOA_ASSIGN_OR_RETURN(const auto credentials, MakeServerCredentials(options.tls));
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetServerDefaults(builder);
  builder.RegisterService(&jobs);
  builder.RegisterService(&workers);
  builder.RegisterService(&admin);
  return StartServer(builder, address, credentials);
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> PeerCredentials(
    const CoordinatorOptions& options) {
  if (options.tls.empty()) return MakeChannelCredentials({});
  if (options.peer_ca.empty()) return std::shared_ptr<grpc::ChannelCredentials>();
  return MakeChannelCredentials(
      {.ca = options.peer_ca, .cert = options.tls.cert, .key = options.tls.key});
}

void WarnOfNoPeers() {
  LogWarning(
      "without --peer-ca this coordinator asks no other one: jobs that run elsewhere are shown as "
      "stored, and can be watched and cancelled at their own coordinator only");
}

std::string AdvertisedAddress(const CoordinatorOptions& options, Address listening) {
  if (!options.advertise.empty()) return options.advertise;
  if (listening.host == "0.0.0.0" || listening.host == "::") listening.host = HostName();
  return listening.ToString();
}

void StopServer(grpc::Server& server, WorkerHub& workers) {
  workers.CloseAll("the coordinator is shutting down");
  server.Shutdown(absl::ToChronoTime(absl::Now() + kServerGrace));
  server.Wait();
}

// The end of the process, whoever comes first.
class Ending {
 public:
  void End(absl::Status status) {
    MutexLock lock(mutex_);
    if (status_) return;
    status_ = std::move(status);
    changed_.NotifyAll();
  }
  absl::Status Wait() {
    MutexLock lock(mutex_);
    while (!status_) changed_.Wait(mutex_);
    return *status_;
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::optional<absl::Status> status_ ABSL_GUARDED_BY(mutex_);
};

// The store's callbacks run on the loop, a group at a time.
JobStore::CallbackRunner RunOn(Loop& loop) {
  return [&loop](std::vector<JobStore::Callback> group) {
    loop.Post([group = std::move(group)]() mutable {
      for (JobStore::Callback& done : group) done();
    });
  };
}

// What Prometheus sees.
struct Metrics {
  const std::shared_ptr<CoordinatorMetrics> coordinator =
      std::make_shared<CoordinatorMetrics>(CoordinatorMetrics::Options{.version = MoaVersion()});
  const std::shared_ptr<StoreMetrics> store = std::make_shared<StoreMetrics>();
  const std::shared_ptr<ClusterMetrics> cluster = std::make_shared<ClusterMetrics>();
  const std::shared_ptr<TraceMetrics> traces = std::make_shared<TraceMetrics>();

  std::vector<std::shared_ptr<prometheus::Collectable>> All(JobStore& jobs) const {
    std::vector<std::shared_ptr<prometheus::Collectable>> all = {coordinator, store, traces};
    if (jobs.replicas() != nullptr) all.push_back(cluster);
    return all;
  }
};

// Null where none is asked for.
absl::StatusOr<std::unique_ptr<OtlpTracer>> StartTracer(const CoordinatorOptions& options,
                                                        const Metrics& metrics) {
  if (options.otlp_endpoint.empty()) return std::unique_ptr<OtlpTracer>();
  absl::StatusOr<std::unique_ptr<OtlpTracer>> tracer = OtlpTracer::Start(
      {.endpoint = options.otlp_endpoint,
       .headers = options.otlp_headers,
       .share = options.trace_share,
       .resource = {{"service.name", std::string("moa-coordinator")},
                    {"service.version", std::string(MoaVersion())},
                    {"service.instance.id",
                     options.advertise.empty() ? HostName() : options.advertise}},
       .version = std::string(MoaVersion()),
       .exported = [traces = metrics.traces](size_t count) { traces->Exported(count); },
       .dropped =
           [traces = metrics.traces](size_t count, OtlpTracer::Drop why) {
             traces->Dropped(count, static_cast<TraceMetrics::Drop>(why));
           }});
  if (tracer.ok()) return tracer;
  return absl::InvalidArgumentError(
      absl::StrCat("--otlp-endpoint, --otlp-headers: ", std::string(tracer.status().message())));
}

absl::StatusOr<std::unique_ptr<JobStore>> OpenStore(const CoordinatorOptions& options, Loop& loop,
                                                    const Metrics& metrics) {
  return OpenJobStore(
      options.store,
      {.run_callbacks = RunOn(loop),
       .tried = [store = metrics.store](size_t writes, absl::Duration took,
                                        bool ok) { store->Tried(writes, took, ok); }},
      static_cast<uint64_t>(options.min_free_disk_mib) << 20);
}

absl::StatusOr<std::unique_ptr<MetricsServer>> ServeMetrics(const CoordinatorOptions& options,
                                                            const Metrics& metrics,
                                                            const Coordinator& coordinator,
                                                            JobStore& store) {
  MetricsServer::Options server{.listen = options.metrics_listen,
                                .metrics = metrics.All(store),
                                .ready = [&coordinator] { return coordinator.Ready(); }};
  return MetricsServer::Start(std::move(server));
}

}  // namespace

absl::Status RunCoordinator(const CoordinatorOptions& options) {
  MOA_ASSIGN_OR_RETURN(const CoordinatorConfig config, ReadCoordinatorConfig(options.config));
  const Metrics metrics;
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<OtlpTracer> tracer, StartTracer(options, metrics));
  Loop loop("moa-loop");
  MOA_ASSIGN_OR_RETURN(const std::unique_ptr<JobStore> store, OpenStore(options, loop, metrics));
  ReplicaStore* const replicas = store->replicas();
  const absl::Time joined = Loop::Now();
  MOA_ASSIGN_OR_RETURN(const uint64_t epoch, store->NextEpoch());
  RuntimeOptions runtime = MakeRuntimeOptions(options, config, epoch, replicas != nullptr);
  runtime.tracer = tracer.get();
  Coordinator coordinator(loop, *store, *metrics.coordinator, config.models, runtime);
  if (replicas != nullptr) coordinator.SetLease(joined + options.lease);
  MOA_RETURN_IF_ERROR(coordinator.Recover());

  MOA_ASSIGN_OR_RETURN(const auto peer_credentials, PeerCredentials(options));
  Peers peers(peer_credentials);
  const bool passes_on = replicas != nullptr && peer_credentials != nullptr;
  if (replicas != nullptr && !passes_on) WarnOfNoPeers();
  JobCounter counter(*store);
  metrics.store->Watch(store.get());
  PublicService jobs(coordinator, counter, config.presets, passes_on ? &peers : nullptr,
                     [all = metrics.All(*store)](const std::vector<std::string>& names) {
                       return SnapshotOf(all, names, Loop::Now());
                     });
  WorkerHub workers(coordinator);
  AdminService admin(*store, coordinator.limits());
  if (options.retention > absl::ZeroDuration()) admin.PruneRegularly(options.retention);
  absl::StatusOr<RunningServer> grpc_server = Serve(options, jobs, workers, admin);
  absl::StatusOr<std::unique_ptr<MetricsServer>> metrics_server =
      ServeMetrics(options, metrics, coordinator, *store);
  absl::Status status = grpc_server.ok() ? metrics_server.status() : grpc_server.status();

  Ending ending;
  std::unique_ptr<Membership> membership;
  if (status.ok() && replicas != nullptr) {
    membership = std::make_unique<Membership>(
        coordinator, *replicas,
        Membership::Options{.epoch = epoch,
                            .address = AdvertisedAddress(options, grpc_server->address),
                            .lease = options.lease,
                            .observer = metrics.cluster.get()},
        [&ending, &coordinator](const absl::Status& why) {
          coordinator.Abandon([&ending, why] { ending.End(why); });
        });
    status = membership->Start();
  }
  if (status.ok()) {
    PrintListening("grpc", grpc_server->address.ToString());
    PrintListening("metrics", (*metrics_server)->address());
    HealthStates health(*grpc_server->server->GetHealthCheckService(),
                        [&coordinator] { return coordinator.Ready(); });
    ShutdownSignals signals([&] {
      health.Drain();
      coordinator.Drain(options.drain_timeout, [&] { ending.End(absl::OkStatus()); });
      if (membership != nullptr) membership->StartLeaving();
    });
    status = ending.Wait();
  }
  // First, so that every submission that waits for it is answered: the server waits for all its calls.
  status.Update(store->Close(status.ok() ? options.drain_timeout : absl::ZeroDuration()));
  if (grpc_server.ok()) StopServer(*grpc_server->server, workers);
  admin.Stop();
  if (membership != nullptr && status.ok()) status = membership->Leave();
  membership.reset();
  // Nothing posts to the loop any more; it ends before what its closures use.
  loop.Stop();
  return status;
}

}  // namespace moa
