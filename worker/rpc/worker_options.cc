#include "worker/rpc/worker_options.h"

#include <unistd.h>

#include <cstdio>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/version.h"
#include "common/flags/flags.h"
#include "common/flags/values.h"
#include "common/http/health_probe.h"
#include "worker/upstream/provider.h"

namespace moa::worker {
namespace {

constexpr int kUsageError = 2;

std::string HostAndProcess() {
  char host[256] = "";
  if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0') {
    std::snprintf(host, sizeof host, "worker");
  }
  return absl::StrCat(host, "-", getpid());
}

std::vector<std::string> ProviderChoices() {
  std::vector<std::string> choices = {"auto"};
  for (const upstream::Provider& provider : upstream::Providers()) {
    choices.emplace_back(provider.name);
  }
  return choices;
}

void AddFlags(FlagSet& flags, WorkerOptions* options) {
  flags.Group("Coordinators");
  flags.AddressList(
      "coordinator", &options->coordinators,
      "coordinators to take tasks from; a name stands for all its addresses, followed as they "
      "change");
  flags.Int("slots", &options->slots,
            "calls at once, split among the coordinators by need; 0: grades only", 0, 100'000);
  flags.String("name", &options->name, "name for people (default: host name and process id)");
  flags.Duration("drain-timeout", &options->drain_timeout,
                 "after SIGTERM, how long running calls may go on");
  flags.Duration("orphan-limit", &options->orphan_limit,
                 "how long calls go on without a coordinator");
  AddClientTlsFlags(flags, &options->tls);
  flags.Group("Provider");
  flags.String("base-url", &options->base_url, "where the API is; also CEREBRAS_BASE_URL");
  flags.AlsoEnvironment("base-url", "CEREBRAS_BASE_URL");
  flags.Choice("provider", &options->provider, ProviderChoices(),
               "which fields the API understands; auto: by its address");
  flags.String("api-key-file", &options->api_key_file,
               "file with the API key, read again when it changes; else CEREBRAS_API_KEY");
  flags.String("upstream-ca-file", &options->upstream_ca_file,
               "PEM file to trust for the API instead of the system's certificates");
  flags.Duration("upstream-timeout", &options->call_timeout, "a call's longest duration",
                 absl::Milliseconds(1), absl::Hours(24));
  flags.Duration("upstream-first-byte-timeout", &options->first_byte_timeout,
                 "longest wait for a reply's first byte", absl::Milliseconds(1), absl::Hours(24));
  flags.Bool("prompt-cache-key", &options->prompt_cache_key,
             "send prompt cache keys; a Cerebras account must have them enabled");
  flags.Int("gzip-requests-above", &options->gzip_requests_above,
            "compress requests of more bytes where the API takes that; 0: never", 0, 1 << 30);
  flags.Int("warm-connections", &options->warm_connections,
            "connections to open before the first call; 0: none", 0, 1000);
  flags.Int("streams-per-connection", &options->streams_per_connection,
            "calls that share an HTTP/2 connection", 1, 10'000);
  flags.Int("upstream-connections", &options->upstream_connections,
            "most connections to the API, calls beyond wait; 0: as many as the slots need", 0,
            100'000);
  flags.Group("Graders");
  flags.Int(
      "grading-slots", &options->grading_slots,
      "programs to run at once for graders; 0: none, -1: as many as cores where a sandbox can "
      "be had",
      -1, 1000);
  flags.String("python", &options->python, "interpreter for graded programs");
  flags.Group("Watching");
  flags.Address("metrics-listen", &options->metrics_listen,
                "where /metrics, /healthz and /readyz are served");
  flags.Choice("log-format", &options->log_format, {"text", "json"}, "format of the log on stderr");
  flags.Choice("log-level", &options->log_level, {"debug", "info", "warning", "error"},
               "lines below it are dropped");
}

}  // namespace

std::optional<int> ParseWorkerOptions(int argc, const char* const* argv, WorkerOptions* options) {
  FlagSet flags({.name = "moa-worker",
                 .description = "Runs the model calls that coordinators hand out.",
                 .version = MoaVersion(),
                 .examples = "Example:\n  CEREBRAS_API_KEY=csk-… moa-worker --coordinator "
                             "moa-0.example:7070 --tls-ca ca.pem --slots 128"});
  AddFlags(flags, options);
  flags.Action(kHealthFlag, kHealthPlaceholder, kHealthHelp,
               [](const std::string& target) { return RunHealthProbe("moa-worker", target); });
  if (const std::optional<int> status = flags.ParseOrExit(argc, argv)) return status;
  options->api_key = FromEnvironment("CEREBRAS_API_KEY").value_or("");
  if (options->name.empty()) options->name = HostAndProcess();
  if (const absl::Status status = CheckWorkerOptions(*options); !status.ok()) {
    const std::string message(status.message());
    std::fprintf(stderr, "moa-worker: %s\n", message.c_str());
    return kUsageError;
  }
  return std::nullopt;
}

absl::Status CheckWorkerOptions(const WorkerOptions& options) {
  if (options.slots == 0) {
    if (options.grading_slots != 0) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--slots and --grading-slots are both 0: the worker would do nothing");
  }
  const bool has_key = !options.api_key.empty() || !options.api_key_file.empty();
  if (!has_key && absl::StrContains(options.base_url, "api.cerebras.ai")) {
    return absl::InvalidArgumentError(
        "no API key: set CEREBRAS_API_KEY, give --api-key-file, or name another API with "
        "--base-url (the local simulator is cerebras-sim)");
  }
  if (options.slots < static_cast<int64_t>(options.coordinators.size())) {
    return absl::InvalidArgumentError(
        absl::StrCat("--slots: ", options.slots, " slots cannot be split among ",
                     options.coordinators.size(), " coordinators; give each at least one"));
  }
  return absl::OkStatus();
}

}  // namespace moa::worker
