#include "coordinator/options.h"

#include "common/base/version.h"
#include "common/flags/flags.h"
#include "common/http/health_probe.h"

namespace moa {

namespace {

void AddNetworkFlags(FlagSet& flags, CoordinatorOptions* options) {
  flags.Group("Network");
  flags.Address("listen", &options->listen, "where clients and workers connect (gRPC)");
  flags.Address("metrics-listen", &options->metrics_listen,
                "where /metrics, /healthz and /readyz are served (HTTP)");
  flags.Bool("insecure", &options->insecure,
             "allow --listen beyond loopback without TLS: anybody who reaches the port can submit "
             "jobs and read answers");
  AddServerTlsFlags(flags, &options->tls);
  flags.Group("Several coordinators on one store (PostgreSQL)");
  flags.Address(
      "advertise", &options->advertise,
      "where the other coordinators reach this one; default: the address of --listen, or this "
      "machine's name where that is a wildcard");
  flags.String(
      "peer-ca", &options->peer_ca,
      "PEM file of who signed the other coordinators' certificates; --tls-cert is shown to "
      "them. Needed with TLS");
  flags.Duration(
      "lease", &options->lease,
      "how long a coordinator goes on without reaching the store, and how long its jobs wait "
      "for another one when it has died; the same for all",
      absl::Milliseconds(500), absl::Hours(1));
}

void AddTraceFlags(FlagSet& flags, CoordinatorOptions* options) {
  flags.Group("Traces");
  flags.String(
      "otlp-endpoint", &options->otlp_endpoint,
      "collector to which each job is exported as a trace when it has ended (OTLP/HTTP), such as "
      "http://collector:4318; empty: traces are only passed on");
  flags.AlsoEnvironment("otlp-endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT");
  flags.List("otlp-headers", &options->otlp_headers,
             "NAME=VALUE,… sent to the collector, such as its key");
  flags.AlsoEnvironment("otlp-headers", "OTEL_EXPORTER_OTLP_HEADERS");
  flags.Double(
      "trace-share", &options->trace_share,
      "share of the jobs that are exported; those whose client sends a traceparent are as it says",
      0, 1);
}

void AddJobFlags(FlagSet& flags, CoordinatorOptions* options) {
  flags.Group("Jobs");
  flags.String("store", &options->store,
               "where jobs are kept: sqlite:PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE");
  flags.Duration("retention", &options->retention,
                 "how long jobs are kept after their end, such as 720h; 0: for ever");
  flags.Int(
      "min-free-disk-mib", &options->min_free_disk_mib,
      "MiB of an SQLite store's disk that are kept for jobs that were accepted: with less left new "
      "ones are refused; 0: not looked at");
  flags.String("config", &options->config, "YAML or JSON file with the model table");
  flags.Int("max-queued-jobs", &options->max_queued_jobs,
            "unfinished jobs at most; further ones are refused until some have ended", 1,
            10'000'000);
  flags.Int("max-queued-bytes", &options->max_queued_bytes,
            "bytes of the prompts of unfinished jobs at most", 1 << 20);
  flags.Int("max-watchers", &options->max_watchers, "clients that watch a job at most", 1,
            1'000'000);
  flags.Bool(
      "stream-upstream", &options->stream_upstream,
      "ask the provider to stream every reply, so that a client that begins to watch late sees "
      "the text so far; false streams only what is watched from its start, at less cost");
  flags.Bool("hedge", &options->hedge,
             "make a second call beside one that is much slower than its model usually is, while "
             "there is quota to spare; at most 5 % more calls");
  flags.Group("Restarts");
  flags.Duration("drain-timeout", &options->drain_timeout,
                 "after SIGTERM, how long running calls may take to end");
  flags.Duration("adoption-grace", &options->adoption_grace,
                 "after a restart, how long an unfinished task waits for the worker that may still "
                 "run it");
  flags.Duration("reconnect-grace", &options->reconnect_grace,
                 "the same after a worker's connection broke");
  flags.Duration(
      "deaf-limit", &options->deaf_limit,
      "a worker none of whose calls has moved for so long loses them to others; longer than "
      "the workers' --upstream-first-byte-timeout",
      absl::Milliseconds(100), absl::Hours(24));
  flags.Group("Logging");
  flags.Choice("log-format", &options->log_format, {"text", "json"}, "form of the log on stderr");
  flags.Choice("log-level", &options->log_level, {"debug", "info", "warning", "error"},
               "least important lines shown");
}

}  // namespace

std::optional<int> ParseCoordinatorOptions(int argc, const char* const* argv,
                                           CoordinatorOptions* options) {
  FlagSet flags({.name = "moa-coordinator",
                 .description =
                     "Takes mixture-of-agents jobs, hands their tasks to workers and keeps "
                     "what is accepted on disk.",
                 .version = MoaVersion(),
                 .examples = "  moa-coordinator --store sqlite:/var/lib/moa/jobs.db\n"
                             "  moa-coordinator --listen 0.0.0.0:7070 --tls-cert cert.pem "
                             "--tls-key key.pem --tls-client-ca ca.pem"});
  AddNetworkFlags(flags, options);
  AddJobFlags(flags, options);
  AddTraceFlags(flags, options);
  flags.Action(kHealthFlag, kHealthPlaceholder, kHealthHelp,
               [](const std::string& target) { return RunHealthProbe("moa-coordinator", target); });
  return flags.ParseOrExit(argc, argv);
}

}  // namespace moa
