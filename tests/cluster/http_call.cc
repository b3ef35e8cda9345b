#include "tests/cluster/http_call.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moa::cluster {
namespace {

class Socket {
 public:
  explicit Socket(const std::string& address)
      : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const std::vector<std::string> parts = absl::StrSplit(address, ':');
    int port = 0;
    sockaddr_in peer{};
    peer.sin_family = AF_INET;
    if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &port) ||
        inet_pton(AF_INET, parts[0].c_str(), &peer.sin_addr) != 1) {
      throw std::runtime_error(absl::StrCat("no address: ", address));
    }
    peer.sin_port = htons(static_cast<uint16_t>(port));
    const timeval patience{30, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    if (connect(fd_, reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) != 0) {
      close(fd_);
      throw std::runtime_error(absl::StrCat("nobody listens on ", address));
    }
  }
  ~Socket() { close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  void Send(absl::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;  // the peer may have answered and closed already
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
  }

  std::string ReceiveAll() {
    std::string all;
    char buffer[65536];
    for (;;) {
      const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
      if (got <= 0) return all;
      all.append(buffer, static_cast<size_t>(got));
    }
  }

 private:
  const int fd_;
};

std::string Dechunk(absl::string_view body) {
  std::string whole;
  for (;;) {
    const size_t end = body.find("\r\n");
    if (end == absl::string_view::npos) return whole;
    const size_t size = std::stoul(std::string(body.substr(0, end)), nullptr, 16);
    body.remove_prefix(end + 2);
    if (size == 0 || body.size() < size + 2) return whole;
    whole.append(body.data(), size);
    body.remove_prefix(size + 2);
  }
}

}  // namespace

HttpReply HttpCall(const std::string& address, absl::string_view method, absl::string_view path,
                   absl::string_view body, absl::string_view headers) {
  Socket socket(address);
  socket.Send(absl::StrCat(method, " ", path, " HTTP/1.1\r\nHost: ", address,
                           "\r\nConnection: close\r\nContent-Length: ", body.size(), "\r\n",
                           headers, "\r\n", body));
  const std::string all = socket.ReceiveAll();
  HttpReply reply;
  const size_t end = all.find("\r\n\r\n");
  if (end == std::string::npos || all.size() < 12) return reply;
  if (!absl::SimpleAtoi(all.substr(9, 3), &reply.status)) reply.status = 0;
  reply.headers = all.substr(0, end + 2);
  reply.body = all.substr(end + 4);
  if (absl::StrContains(absl::AsciiStrToLower(reply.headers), "transfer-encoding: chunked")) {
    reply.body = Dechunk(reply.body);
  }
  return reply;
}

double MetricValue(const std::string& metrics_address, absl::string_view sample) {
  double sum = 0;
  const HttpReply reply = HttpCall(metrics_address, "GET", "/metrics");
  for (const absl::string_view line : absl::StrSplit(reply.body, '\n')) {
    if (!absl::StartsWith(line, sample)) continue;
    // "name" must not also count "name_total".
    const char next = line.size() > sample.size() ? line[sample.size()] : ' ';
    if (next != ' ' && next != '{' && sample.back() != '}' && sample.back() != ',') continue;
    double value = 0;
    if (absl::SimpleAtod(line.substr(line.rfind(' ') + 1), &value)) sum += value;
  }
  return sum;
}

}  // namespace moa::cluster
