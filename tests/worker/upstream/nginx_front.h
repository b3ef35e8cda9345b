#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/cluster/process.h"
#include "tests/worker/upstream/test_authority.h"

namespace moa::upstream {

// Debian's nginx in front of an HTTP server: TLS with HTTP/2, what the provider's own front end is to a
// client. A process without rights, all of whose files are in a directory that goes with it. Owner: a test.
class NginxFront {
 public:
  struct Options {
    bool http2 = true;
    // Requests on one connection; then comes GOAWAY (HTTP/2) or a close.
    int requests_per_connection = 100'000;
    int streams_per_connection = 128;  // SETTINGS_MAX_CONCURRENT_STREAMS
  };

  // `backend` is HOST:PORT. Returns when connections are accepted.
  NginxFront(const std::string& backend, const Options& options);
  ~NginxFront();

  const std::string& url() const { return url_; }
  std::string ca_file() const { return authority_.ca_file(); }

  // A request that has ended, as the front saw it.
  struct Request {
    std::string connection;  // its number
    std::string protocol;    // "HTTP/2.0", "HTTP/1.1"
    bool session_reused = false;
    int status = 0;    // 499: the client left
    size_t bytes = 0;  // of the request, as they came over the wire
    std::string path;
  };
  std::vector<Request> Requests() const;
  // Waits until so many requests have ended.
  std::vector<Request> WaitForRequests(size_t count) const;

 private:
  bool Start(const std::string& backend, const Options& options);

  TestAuthority authority_;
  std::string url_;
  std::unique_ptr<cluster::Process> process_;
};

// How many connections the requests came on.
size_t CountConnections(const std::vector<NginxFront::Request>& requests);

}  // namespace moa::upstream
