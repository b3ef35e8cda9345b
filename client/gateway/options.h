#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/net/tls.h"

namespace moa::gateway {

// What moa-gateway is told on its command line and in its environment; the defaults are those of --help.
struct GatewayOptions {
  std::vector<std::string> coordinators = {"127.0.0.1:7070"};  // HOST:PORT
  ClientTlsFiles tls = {};

  std::string listen = "127.0.0.1:8080";
  bool insecure = false;
  std::string token_file = "";
  std::vector<std::string> cors_origins = {};
  int64_t max_connections = 16'384;
  int64_t max_body_mib = 16;
  absl::Duration header_timeout = absl::Seconds(30);
  absl::Duration body_timeout = absl::Seconds(60);
  absl::Duration idle_timeout = absl::Minutes(5);
  absl::Duration write_timeout = absl::Seconds(60);
  absl::Duration keep_alive = absl::Seconds(10);
  absl::Duration drain_delay = absl::ZeroDuration();
  absl::Duration drain_timeout = absl::Seconds(30);

  std::string metrics_listen = "127.0.0.1:9466";
  std::string log_format = "text";
  std::string log_level = "info";
};

// Fills `*options` from the flags and the environment. Returns the exit status when the process should end now: 0 after
// --help or --version, 2 after a mistake, which is printed.
std::optional<int> ParseGatewayOptions(int argc, const char* const* argv, GatewayOptions* options);

// Whether it may listen there: on loopback always, elsewhere with --token-file and --insecure. FailedPrecondition says
// what to do.
absl::Status CheckListen(const GatewayOptions& options);

}  // namespace moa::gateway
