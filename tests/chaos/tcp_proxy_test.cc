#include "tests/chaos/tcp_proxy.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace moa::chaos {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A listener and, through the proxy, a connection to it.
class TcpProxyTest : public testing::Test {
 protected:
  TcpProxyTest() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = Loopback(0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_, 8), 0);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    proxy_ = std::make_unique<TcpProxy>(
        TcpProxy::Options{.target = absl::StrCat("127.0.0.1:", ntohs(address.sin_port))});
    client_ = Connect();
    server_ = accept(listener_, nullptr, nullptr);
    SetPatience(client_, absl::Seconds(10));
    SetPatience(server_, absl::Seconds(10));
  }
  ~TcpProxyTest() override {
    close(client_);
    close(server_);
    close(listener_);
  }

  int Connect() {
    const std::string& address = proxy_->address();
    int port = 0;
    EXPECT_TRUE(absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port));
    const sockaddr_in target = Loopback(port);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof(target)), 0);
    return fd;
  }
  static void SetPatience(int fd, absl::Duration patience) {
    const timeval time = absl::ToTimeval(patience);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
  }
  static void Say(int fd, const std::string& text) {
    EXPECT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  static std::string Hear(int fd, size_t size) {
    std::string text(size, '\0');
    const ssize_t got = recv(fd, text.data(), size, MSG_WAITALL);
    return got < 0 ? "error" : text.substr(0, static_cast<size_t>(got));
  }

  const int listener_;
  std::unique_ptr<TcpProxy> proxy_;
  int client_ = -1;
  int server_ = -1;
};

TEST_F(TcpProxyTest, PassesBytesBothWaysAndTheEnd) {
  Say(client_, "ping");
  EXPECT_EQ(Hear(server_, 4), "ping");
  shutdown(client_, SHUT_WR);
  EXPECT_EQ(Hear(server_, 1), "");
  Say(server_, "pong");  // the other direction still stands
  EXPECT_EQ(Hear(client_, 4), "pong");
}

TEST_F(TcpProxyTest, PassesMoreThanItKeeps) {
  const std::string much(3 * TcpProxy::kBufferedBytesMax, 'x');
  std::jthread speaker([&] { Say(client_, much); });
  EXPECT_EQ(Hear(server_, much.size()), much);
}

TEST_F(TcpProxyTest, DelaysEachDirectionInOrder) {
  proxy_->SetDelay(absl::Milliseconds(120));
  const absl::Time begin = absl::Now();
  Say(client_, "a");
  Say(client_, "b");
  EXPECT_EQ(Hear(server_, 2), "ab");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(120));
  Say(server_, "c");
  EXPECT_EQ(Hear(client_, 1), "c");
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(240));
}

TEST_F(TcpProxyTest, HoldsBackWhileItIsStalledAndGoesOnAfterwards) {
  proxy_->SetStalled(true);
  Say(client_, "held");
  SetPatience(server_, absl::Milliseconds(150));
  EXPECT_EQ(Hear(server_, 4), "error");  // EAGAIN
  proxy_->SetStalled(false);
  SetPatience(server_, absl::Seconds(10));
  EXPECT_EQ(Hear(server_, 4), "held");
}

TEST_F(TcpProxyTest, ResetsConnectionsAndTakesNewOnes) {
  proxy_->CloseConnections();
  EXPECT_EQ(Hear(client_, 1), "error");  // ECONNRESET
  EXPECT_EQ(Hear(server_, 1), "error");
  close(client_);
  close(server_);
  client_ = Connect();
  server_ = accept(listener_, nullptr, nullptr);
  Say(client_, "again");
  EXPECT_EQ(Hear(server_, 5), "again");
}

}  // namespace
}  // namespace moa::chaos
