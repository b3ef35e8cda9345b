#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/net/resolve.h"
#include "common/net/tls.h"
#include "worker/rpc/name_watch.h"

namespace moa::worker {

// What moa-worker is told on its command line and in its environment; the defaults are those of --help.
struct WorkerOptions {
  std::vector<std::string> coordinators = {
      "127.0.0.1:7070"};  // HOST:PORT; a name is all its addresses
  ClientTlsFiles tls = {};
  std::string name = "";  // empty: host name and process id

  std::string base_url = "https://api.cerebras.ai";
  std::string api_key = "";  // CEREBRAS_API_KEY only: a flag would show in ps
  std::string api_key_file = "";
  std::string upstream_ca_file = "";
  absl::Duration call_timeout = absl::Minutes(5);
  absl::Duration first_byte_timeout = absl::Seconds(60);
  std::string provider = "auto";  // "auto", or one of upstream::Providers()
  bool prompt_cache_key = false;
  int64_t gzip_requests_above = 16 << 10;  // bytes; 0: never
  int64_t warm_connections = 4;            // 0: none
  int64_t streams_per_connection = 32;
  int64_t upstream_connections = 0;  // 0: as many as the slots need

  int64_t slots = 64;  // 0: calls no model, only grades

  int64_t grading_slots = -1;  // -1: as many as there are cores, none where there is no sandbox
  std::string python = "/usr/bin/python3";
  absl::Duration drain_timeout = absl::Seconds(30);
  absl::Duration orphan_limit = absl::Seconds(60);

  std::string metrics_listen = "127.0.0.1:9465";
  std::string log_format = "text";
  std::string log_level = "info";

  // Not flags; tests shorten them.
  absl::Duration settle_timeout = absl::Seconds(2);  // for ResultsDurable, at the end of draining
  absl::Duration welcome_timeout = absl::Seconds(10);
  absl::Duration key_file_interval = absl::Seconds(10);  // between looks at the key file
  // Of two addresses of one coordinator the second is tried when the first was away for so long: longer than it takes to
  // dial again, else the two would take turns.
  absl::Duration away_limit = absl::Seconds(5);
  NameWatch::Options names = {.resolve = ResolveHost};
};

// Fills `*options` from the flags and the environment. Returns the exit status when the process should end
// now: 0 after --help or --version, 2 after a mistake, which is printed.
std::optional<int> ParseWorkerOptions(int argc, const char* const* argv, WorkerOptions* options);

// What each flag by itself cannot say: the provider's own address needs a key; every coordinator needs a slot.
// InvalidArgument says what to do.
absl::Status CheckWorkerOptions(const WorkerOptions& options);

}  // namespace moa::worker
