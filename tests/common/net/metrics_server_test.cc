#include "common/net/metrics_server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/counter.h>
#include <prometheus/registry.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"
#include "common/net/address.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

// The whole reply of one request on a connection of its own.
std::string Ask(const std::string& server, absl::string_view method, absl::string_view path) {
  const Address address = *ParseAddress(server);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(address.port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  const std::string request =
      absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(send(fd, request.data(), request.size(), 0), static_cast<ssize_t>(request.size()));
  std::string reply;
  char buffer[4096];
  for (ssize_t n = 0; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) reply.append(buffer, n);
  close(fd);
  return reply;
}

TEST(MetricsServerTest, ServesTheRegistryAndTheProcessesOwnNumbers) {
  auto registry = std::make_shared<prometheus::Registry>();
  auto& family =
      prometheus::BuildCounter().Name("moa_things_total").Help("Things").Register(*registry);
  family.Add({{"kind", "a"}}).Increment(3);
  ASSERT_OK_AND_ASSIGN(const auto server, MetricsServer::Start({.metrics = {registry}}));
  EXPECT_THAT(Ask(server->address(), "GET", "/metrics"),
              AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("moa_things_total{kind=\"a\"} 3"),
                    HasSubstr("process_resident_memory_bytes "),
                    HasSubstr("process_cpu_seconds_total "), HasSubstr("process_open_fds ")));
}

TEST(MetricsServerTest, ReadinessFollowsTheProgramAndHealthDoesNot) {
  std::atomic<bool> ready = false;
  ASSERT_OK_AND_ASSIGN(const auto server, MetricsServer::Start({.ready = [&ready] {
                         return ready ? absl::OkStatus()
                                      : absl::UnavailableError("no coordinator is connected");
                       }}));
  EXPECT_THAT(Ask(server->address(), "GET", "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("no coordinator is connected")));
  EXPECT_THAT(Ask(server->address(), "GET", "/healthz"), StartsWith("HTTP/1.1 200"));
  ready = true;
  EXPECT_THAT(Ask(server->address(), "GET", "/readyz"), StartsWith("HTTP/1.1 200"));
}

TEST(MetricsServerTest, OtherPathsAndMethodsAreRefused) {
  ASSERT_OK_AND_ASSIGN(const auto server, MetricsServer::Start({}));
  EXPECT_THAT(Ask(server->address(), "GET", "/"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(Ask(server->address(), "POST", "/metrics"), StartsWith("HTTP/1.1 405"));
}

TEST(MetricsServerTest, ATakenPortIsAnErrorThatNamesTheAddress) {
  ASSERT_OK_AND_ASSIGN(const auto server, MetricsServer::Start({}));
  const auto second = MetricsServer::Start({.listen = server->address()});
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(server->address()));
}

}  // namespace
}  // namespace moa
