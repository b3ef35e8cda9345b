#include "tests/chaos/tcp_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>
#include <stdexcept>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/chaos/namespace_scope.h"

namespace moa::chaos {
namespace {

sockaddr_in AddressOf(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, ':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  int port = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port) ||
      inet_pton(AF_INET, parts[0].c_str(), &address.sin_addr) != 1) {
    throw std::runtime_error(absl::StrCat("no address: ", text));
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

void CloseWithReset(int fd) {
  const linger now{1, 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  close(fd);
}

void SendAtOnce(int fd) {
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

// What one end has sent and the other has not got yet.
struct Stream {
  struct Piece {
    absl::Time due;
    std::string bytes;
  };
  std::deque<Piece> pieces;
  size_t bytes = 0;
  size_t sent = 0;        // of the first piece
  bool ended = false;     // the sender will send no more
  bool told_end = false;  // and the receiver knows

  bool Wants() const { return !ended && bytes < TcpProxy::kBufferedBytesMax; }
  bool Due(absl::Time now) const { return !pieces.empty() && pieces.front().due <= now; }
};

struct Pair {
  std::array<int, 2> fds;  // the client's, the server's
  bool connecting = true;
  std::array<Stream, 2> from;  // [i]: what fds[i] has sent
  bool broken = false;

  bool Over() const { return broken || (from[0].told_end && from[1].told_end); }
};

// Reads once. REQUIRES: poll said that there is something.
void Receive(Pair& pair, size_t side, absl::Duration delay) {
  char buffer[65536];
  const ssize_t got = recv(pair.fds[side], buffer, sizeof(buffer), 0);
  Stream& stream = pair.from[side];
  if (got > 0) {
    stream.pieces.push_back({absl::Now() + delay, std::string(buffer, static_cast<size_t>(got))});
    stream.bytes += static_cast<size_t>(got);
  } else if (got == 0) {
    stream.ended = true;
  } else if (errno != EAGAIN && errno != EINTR) {
    pair.broken = true;
  }
}

void SendDue(Pair& pair, size_t side) {
  Stream& stream = pair.from[side];
  const int to = pair.fds[1 - side];
  while (stream.Due(absl::Now())) {
    const std::string& bytes = stream.pieces.front().bytes;
    const ssize_t sent =
        send(to, bytes.data() + stream.sent, bytes.size() - stream.sent, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) pair.broken = true;
      return;
    }
    stream.sent += static_cast<size_t>(sent);
    stream.bytes -= static_cast<size_t>(sent);
    if (stream.sent < bytes.size()) return;
    stream.pieces.pop_front();
    stream.sent = 0;
  }
  if (stream.ended && stream.pieces.empty() && !stream.told_end) {
    shutdown(to, SHUT_WR);
    stream.told_end = true;
  }
}

}  // namespace

// Used by the proxy's thread only, but for its making.
struct TcpProxy::Loop {
  TcpProxy& proxy;
  int listener = -1;
  int network_fd = -1;
  sockaddr_in target{};
  std::list<Pair> pairs;

  void Run() {
    while (!proxy.end_.load()) {
      if (proxy.close_.exchange(false)) {
        for (Pair& pair : pairs) pair.broken = true;
      }
      RemoveOver();
      Poll();
    }
    for (Pair& pair : pairs) pair.broken = true;
    RemoveOver();
    close(listener);
  }

  void RemoveOver() {
    for (auto pair = pairs.begin(); pair != pairs.end();) {
      if (!pair->Over()) {
        ++pair;
        continue;
      }
      for (const int fd : pair->fds) pair->broken ? CloseWithReset(fd) : void(close(fd));
      pair = pairs.erase(pair);
    }
  }

  static int16_t Interest(const Pair& pair, size_t side, absl::Time now) {
    if (pair.connecting) return static_cast<int16_t>(side == 1 ? POLLOUT : 0);
    const Stream& to_it = pair.from[1 - side];
    const bool writes = to_it.Due(now) || (to_it.ended && to_it.pieces.empty() && !to_it.told_end);
    return static_cast<int16_t>((pair.from[side].Wants() ? POLLIN : 0) | (writes ? POLLOUT : 0));
  }

  void Poll() {
    const bool stalled = proxy.stalled_.load();
    const absl::Time now = absl::Now();
    absl::Time next = now + absl::Seconds(1);
    std::vector<pollfd> polled = {{proxy.wake_fd_, POLLIN, 0}};
    if (!stalled) {
      polled.push_back({listener, POLLIN, 0});
      for (const Pair& pair : pairs) {
        for (size_t side = 0; side < 2; ++side) {
          polled.push_back({pair.fds[side], Interest(pair, side, now), 0});
          const auto& pieces = pair.from[side].pieces;
          if (!pieces.empty() && pieces.front().due > now) {
            next = std::min(next, pieces.front().due);
          }
        }
      }
    }
    const absl::Duration wait = next - now + absl::Milliseconds(1);
    if (poll(polled.data(), polled.size(), static_cast<int>(absl::ToInt64Milliseconds(wait))) < 0) {
      return;
    }
    uint64_t ignored = 0;
    if (polled[0].revents != 0 && read(proxy.wake_fd_, &ignored, sizeof(ignored)) > 0) return;
    if (stalled) return;
    size_t at = 2;
    for (Pair& pair : pairs) {
      Serve(pair, polled[at].revents, polled[at + 1].revents);
      at += 2;
    }
    if (polled[1].revents != 0) Accept();
  }

  void Serve(Pair& pair, int client_events, int server_events) {
    if (pair.connecting) {
      if ((client_events & (POLLERR | POLLHUP)) != 0) pair.broken = true;
      if (server_events == 0) return;
      int error = 0;
      socklen_t size = sizeof(error);
      getsockopt(pair.fds[1], SOL_SOCKET, SO_ERROR, &error, &size);
      pair.broken = pair.broken || error != 0;
      pair.connecting = false;
      return;
    }
    const absl::Duration delay = absl::Nanoseconds(proxy.delay_ns_.load());
    const std::array<int, 2> events = {client_events, server_events};
    for (size_t side = 0; side < 2; ++side) {
      const bool readable = (events[side] & (POLLIN | POLLHUP | POLLERR)) != 0;
      if (readable && pair.from[side].Wants()) Receive(pair, side, delay);
      if ((events[side] & POLLERR) != 0) pair.broken = true;
    }
    for (size_t side = 0; side < 2 && !pair.broken; ++side) SendDue(pair, side);
  }

  void Accept() {
    const int client = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) return;
    SendAtOnce(client);
    const NamespaceScope inside(network_fd);
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    SendAtOnce(server);
    const int status = connect(server, reinterpret_cast<const sockaddr*>(&target), sizeof(target));
    Pair& pair = pairs.emplace_back();
    pair.fds = {client, server};
    pair.broken = status != 0 && errno != EINPROGRESS;
  }
};

TcpProxy::TcpProxy(const Options& options)
    : wake_fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)), loop_(new Loop{*this}) {
  loop_->network_fd = options.network_fd;
  loop_->target = AddressOf(options.target);
  sockaddr_in own = AddressOf(options.listen);
  {
    const NamespaceScope inside(options.network_fd);
    loop_->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  const int on = 1;
  setsockopt(loop_->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  socklen_t size = sizeof(own);
  if (bind(loop_->listener, reinterpret_cast<sockaddr*>(&own), size) != 0 ||
      listen(loop_->listener, 64) != 0 ||
      getsockname(loop_->listener, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    throw std::runtime_error(
        absl::StrCat("no proxy can listen on ", options.listen, ": ", std::strerror(errno)));
  }
  char host[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &own.sin_addr, host, sizeof(host));
  address_ = absl::StrCat(host, ":", ntohs(own.sin_port));
  thread_ = std::jthread([this] { loop_->Run(); });
}

TcpProxy::~TcpProxy() {
  end_.store(true);
  Wake();
  thread_.join();
  close(wake_fd_);
}

void TcpProxy::SetDelay(absl::Duration delay) { delay_ns_.store(absl::ToInt64Nanoseconds(delay)); }

void TcpProxy::SetStalled(bool stalled) {
  stalled_.store(stalled);
  Wake();
}

void TcpProxy::CloseConnections() {
  close_.store(true);
  Wake();
}

void TcpProxy::Wake() {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof(one));
}

}  // namespace moa::chaos
