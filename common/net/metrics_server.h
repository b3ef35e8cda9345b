#pragma once

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace moa {

class HttpServer;

// A small HTTP listener of its own for scrapers and probes (common/metrics/probes.h). It serves no secrets and takes no
// input, so it may listen beyond loopback without TLS.
//
//   MOA_ASSIGN_OR_RETURN(auto metrics, MetricsServer::Start({.listen = "127.0.0.1:9465",
//                                                            .metrics = {registry}}));
//   PrintListening("metrics", metrics->address());
//
// Owner: the composition root. Thread-safe. The functions and collectables in Options are called on its
// thread, until it is destroyed.
class MetricsServer {
 public:
  struct Options {
    std::string listen = "127.0.0.1:0";
    // As in Probes.
    std::vector<std::shared_ptr<prometheus::Collectable>> metrics = {};
    std::function<absl::Status()> ready = nullptr;
  };

  // Errors as HttpServer::Start's: they name the address.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(Options options);
  ~MetricsServer();
  MetricsServer(const MetricsServer&) = delete;
  MetricsServer& operator=(const MetricsServer&) = delete;

  // As bound: the port is a real one.
  const std::string& address() const;

 private:
  explicit MetricsServer(std::unique_ptr<HttpServer> server);
  const std::unique_ptr<HttpServer> server_;
};

}  // namespace moa
