#include "tests/worker/upstream/nginx_front.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/check.h"
#include "tests/cluster/mini_cluster.h"

namespace moa::upstream {
namespace {

constexpr char kConfiguration[] = R"(
daemon off;
master_process off;
pid DIR/pid;
error_log DIR/error.log notice;
events { worker_connections 2048; }
http {
  log_format test '$connection $server_protocol $ssl_session_reused $status $request_length $uri';
  access_log DIR/access.log test;
  client_body_temp_path DIR/body;
  proxy_temp_path DIR/proxy;
  fastcgi_temp_path DIR/fastcgi;
  uwsgi_temp_path DIR/uwsgi;
  scgi_temp_path DIR/scgi;
  client_max_body_size 64m;
  keepalive_requests REQUESTS;
  http2_max_concurrent_streams STREAMS;
  upstream backend { server BACKEND; keepalive 64; }
  server {
    listen ADDRESS ssl HTTP2;
    ssl_certificate DIR/front.pem;
    ssl_certificate_key DIR/front.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:test:1m;
    location / {
      proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_request_buffering off;
    }
  }
}
)";

}  // namespace

NginxFront::NginxFront(const std::string& backend, const Options& options) {
  authority_.Sign("front", "IP:127.0.0.1");
  // Between the look for a free port and its use another program may take it.
  for (int tries = 0; tries < 5; ++tries) {
    if (Start(backend, options)) return;
  }
  MOA_CHECK(false);
}

NginxFront::~NginxFront() {
  if (testing::Test::HasFailure() && process_ != nullptr) {
    ADD_FAILURE() << cluster::ReadFile(authority_.File("error.log")) << process_->Log();
  }
}

bool NginxFront::Start(const std::string& backend, const Options& options) {
  const std::string address = cluster::UnusedAddress();
  url_ = absl::StrCat("https://", address);
  const std::string configuration = absl::StrReplaceAll(
      kConfiguration, {{"DIR", authority_.dir()},
                       {"ADDRESS", address},
                       {"BACKEND", backend},
                       {"HTTP2", options.http2 ? "http2" : ""},
                       {"REQUESTS", absl::StrCat(options.requests_per_connection)},
                       {"STREAMS", absl::StrCat(options.streams_per_connection)}});
  cluster::WriteFile(authority_.File("nginx.conf"), configuration);
  process_ = std::make_unique<cluster::Process>(
      cluster::Process::Options{.program = "/usr/sbin/nginx",
                                .args = {"-p", authority_.dir(), "-e", authority_.File("error.log"),
                                         "-c", authority_.File("nginx.conf")},
                                .output_path = authority_.File("nginx.out"),
                                .log_path = authority_.File("nginx.err")});
  // It writes its number once it listens; where it cannot, it ends.
  const auto listens = [&] { return !cluster::ReadFile(authority_.File("pid")).empty(); };
  cluster::WaitUntil([&] { return listens() || !process_->Running(); });
  return listens();
}

std::vector<NginxFront::Request> NginxFront::Requests() const {
  std::vector<Request> requests;
  std::istringstream lines(cluster::ReadFile(authority_.File("access.log")));
  Request request;
  std::string reused;
  while (lines >> request.connection >> request.protocol >> reused >> request.status >>
         request.bytes >> request.path) {
    request.session_reused = reused == "r";
    requests.push_back(request);
  }
  return requests;
}

std::vector<NginxFront::Request> NginxFront::WaitForRequests(size_t count) const {
  EXPECT_TRUE(cluster::WaitUntil([&] { return Requests().size() >= count; }));
  return Requests();
}

size_t CountConnections(const std::vector<NginxFront::Request>& requests) {
  std::set<std::string> connections;
  for (const NginxFront::Request& request : requests) connections.insert(request.connection);
  return connections.size();
}

}  // namespace moa::upstream
