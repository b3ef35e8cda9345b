#include "client/gateway/options.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/flags/flags.h"
#include "common/http/health_probe.h"
#include "common/net/address.h"

namespace moa::gateway {
namespace {

constexpr int kUsageError = 2;

// What a client can hold up, and for how long.
void AddTimeouts(FlagSet& flags, GatewayOptions* options) {
  const auto add = [&flags](const char* name, absl::Duration* value, const char* help) {
    flags.Duration(name, value, help, absl::Milliseconds(10), absl::Hours(1));
  };
  add("header-timeout", &options->header_timeout,
      "how long a connection's first byte and a request's headers may take; then 408");
  add("body-timeout", &options->body_timeout, "how long a request's body may take; then 408");
  add("idle-timeout", &options->idle_timeout, "how long a connection stays between requests");
  add("write-timeout", &options->write_timeout,
      "how long a client may take no byte of an answer before it is cut off");
}

void AddFlags(FlagSet& flags, GatewayOptions* options) {
  flags.Group("Coordinators");
  flags.AddressList("coordinator", &options->coordinators,
                    "where the coordinators listen; of several any is asked");
  AddClientTlsFlags(flags, &options->tls);
  flags.Group("Clients");
  flags.Address("listen", &options->listen, "where the API is served (HTTP)");
  flags.String("token-file", &options->token_file,
               "file with bearer tokens, one a line, read again when it changes; without it "
               "everybody is let in who reaches the port");
  flags.Bool("insecure", &options->insecure,
             "allow --listen beyond loopback, for which --token-file is needed: prompts, answers "
             "and tokens go in clear text unless a proxy in front adds TLS");
  flags.List("cors-origin", &options->cors_origins,
             "origins whose web pages may use the gateway, such as https://app.example; *: all");
  flags.Int("max-connections", &options->max_connections, "more are answered 503", 1, 1'000'000);
  flags.Int("max-body-mib", &options->max_body_mib, "MiB of a request at most; more are 413", 1,
            60);
  AddTimeouts(flags, options);
  flags.Duration("keep-alive", &options->keep_alive,
                 "how long a stream is silent before a comment line shows that it goes on",
                 absl::Milliseconds(10), absl::Hours(1));
  flags.Duration("drain-delay", &options->drain_delay,
                 "after SIGTERM, how long new connections are still taken, while /readyz says that "
                 "they should go elsewhere; --drain-timeout begins after it");
  flags.Duration("drain-timeout", &options->drain_timeout,
                 "after SIGTERM, how long answers under way may take to end");
  flags.Group("Watching");
  flags.Address("metrics-listen", &options->metrics_listen,
                "where /metrics, /healthz and /readyz are served (HTTP)");
  flags.Choice("log-format", &options->log_format, {"text", "json"}, "format of the log on stderr");
  flags.Choice("log-level", &options->log_level, {"debug", "info", "warning", "error"},
               "lines below it are dropped");
}

}  // namespace

std::optional<int> ParseGatewayOptions(int argc, const char* const* argv, GatewayOptions* options) {
  FlagSet flags({.name = "moa-gateway",
                 .description = "Serves coordinators to HTTP clients, in the form of OpenAI's API.",
                 .version = MoaVersion(),
                 .examples = "Example:\n  moa-gateway --coordinator moa.example:7070 --tls-ca "
                             "ca.pem --token-file tokens"});
  AddFlags(flags, options);
  flags.Action(kHealthFlag, kHealthPlaceholder, kHealthHelp,
               [](const std::string& target) { return RunHealthProbe("moa-gateway", target); });
  if (const std::optional<int> status = flags.ParseOrExit(argc, argv)) return status;
  if (const absl::Status status = CheckListen(*options); !status.ok()) {
    std::fprintf(stderr, "moa-gateway: %s\n", std::string(status.message()).c_str());
    return kUsageError;
  }
  return std::nullopt;
}

absl::Status CheckListen(const GatewayOptions& options) {
  MOA_ASSIGN_OR_RETURN(const Address address, ParseAddress(options.listen));
  if (IsLoopback(address.host)) return absl::OkStatus();
  const std::string refusing = absl::StrCat("refusing to listen on ", address.ToString(), " ");
  if (options.token_file.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        refusing, "without --token-file: everybody there could submit jobs and read answers"));
  }
  if (options.insecure) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(refusing,
                   "without TLS: tokens, prompts and answers could be read on the way. "
                   "Listen on 127.0.0.1 behind a proxy that adds it, or say --insecure "
                   "if the network is trusted"));
}

}  // namespace moa::gateway
