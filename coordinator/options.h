#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/net/tls.h"

namespace moa {

// The coordinator's command line; the flags' help says what each is for.
struct CoordinatorOptions {
  std::string listen = "127.0.0.1:7070";
  std::string metrics_listen = "127.0.0.1:9464";
  std::string store = "sqlite:moa.db";
  absl::Duration retention = absl::ZeroDuration();
  int64_t min_free_disk_mib = 256;
  std::string config;
  ServerTlsFiles tls;
  bool insecure = false;
  std::string advertise;
  std::string peer_ca;
  absl::Duration lease = absl::Seconds(10);
  absl::Duration drain_timeout = absl::Seconds(30);
  int64_t max_queued_jobs = 10'000;
  int64_t max_queued_bytes = 1 << 30;
  int64_t max_watchers = 10'000;
  absl::Duration adoption_grace = absl::Milliseconds(1500);
  absl::Duration reconnect_grace = absl::Milliseconds(500);
  absl::Duration deaf_limit = absl::Seconds(90);
  bool stream_upstream = true;
  bool hedge = true;
  std::string otlp_endpoint;
  std::vector<std::string> otlp_headers;
  double trace_share = 1;
  std::string log_format = "text";
  std::string log_level = "info";
};

// Fills `options`; returns the status to exit with when the process should end now.
std::optional<int> ParseCoordinatorOptions(int argc, const char* const* argv,
                                           CoordinatorOptions* options);

}  // namespace moa
