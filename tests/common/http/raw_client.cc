#include "tests/common/http/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace moa {
namespace {

constexpr int kWaitMs = 10'000;

}  // namespace

RawClient::RawClient(int port) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MOA_CHECK(connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

RawClient::~RawClient() { Close(); }

void RawClient::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

void RawClient::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the reply tells the test what happened
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

RawClient::ReadResult RawClient::ReadMore() {
  pollfd poll_fd{fd_, POLLIN, 0};
  if (poll(&poll_fd, 1, kWaitMs) <= 0) return ReadResult::kTimeout;
  char bytes[16 * 1024];
  const ssize_t size = recv(fd_, bytes, sizeof(bytes), 0);
  if (size < 0) return ReadResult::kReset;
  if (size == 0) return ReadResult::kEnd;
  buffer_.append(bytes, static_cast<size_t>(size));
  return ReadResult::kBytes;
}

std::string RawClient::ReadUntil(absl::string_view text) {
  size_t at = 0;
  while ((at = buffer_.find(std::string(text))) == std::string::npos) {
    if (ReadMore() != ReadResult::kBytes) return std::exchange(buffer_, "");
  }
  const std::string out = buffer_.substr(0, at + text.size());
  buffer_.erase(0, out.size());
  return out;
}

std::string RawClient::ReadReply() {
  std::string head = ReadUntil("\r\n\r\n");
  const std::string lower = absl::AsciiStrToLower(head);
  if (absl::StrContains(lower, "transfer-encoding: chunked")) return head + ReadUntil("0\r\n\r\n");
  const size_t at = lower.find("content-length: ");
  if (at == std::string::npos) return head;
  size_t size = 0;
  const size_t start = at + 16;
  MOA_CHECK(absl::SimpleAtoi(lower.substr(start, lower.find('\r', start) - start), &size));
  while (buffer_.size() < size) {
    if (ReadMore() != ReadResult::kBytes) break;
  }
  head += buffer_.substr(0, size);
  buffer_.erase(0, size);
  return head;
}

std::string RawClient::ReadAll(bool* reset) {
  ReadResult result = ReadResult::kBytes;
  while (result == ReadResult::kBytes) result = ReadMore();
  if (reset != nullptr) *reset = result == ReadResult::kReset;
  return std::exchange(buffer_, "");
}

std::string Fetch(int port, absl::string_view method, absl::string_view target,
                  absl::string_view body, absl::string_view header_lines) {
  RawClient client(port);
  client.Send(absl::StrCat(method, " ", target, " HTTP/1.1\r\nHost: test\r\n", header_lines,
                           "Connection: close\r\nContent-Length: ", body.size(), "\r\n\r\n", body));
  return client.ReadAll();
}

std::string BodyOf(absl::string_view reply) {
  const size_t end = reply.find("\r\n\r\n");
  if (end == absl::string_view::npos) return "";
  const std::string head = absl::AsciiStrToLower(reply.substr(0, end));
  absl::string_view rest = reply.substr(end + 4);
  if (!absl::StrContains(head, "transfer-encoding: chunked")) return std::string(rest);
  std::string out;
  while (true) {
    const size_t line = rest.find("\r\n");
    if (line == absl::string_view::npos) return out;
    const size_t size = std::strtoul(std::string(rest.substr(0, line)).c_str(), nullptr, 16);
    if (size == 0) return out;
    out.append(rest.data() + line + 2, std::min(size, rest.size() - line - 2));
    if (line + 2 + size + 2 > rest.size()) return out;
    rest.remove_prefix(line + 2 + size + 2);
  }
}

}  // namespace moa
