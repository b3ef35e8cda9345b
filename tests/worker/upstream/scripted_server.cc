#include "tests/worker/upstream/scripted_server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace moa::upstream {
namespace {

size_t BodySize(absl::string_view head) {
  const size_t at = head.find("Content-Length: ");
  if (at == absl::string_view::npos) return 0;
  const absl::string_view rest = head.substr(at + 16);
  size_t size = 0;
  MOA_CHECK(absl::SimpleAtoi(rest.substr(0, rest.find('\r')), &size));
  return size;
}

}  // namespace

ScriptedConnection::ScriptedConnection(int fd, int number, SSL_CTX* tls)
    : fd_(fd), number_(number) {
  const timeval limit{.tv_sec = 30, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (tls == nullptr) return;
  tls_ = SSL_new(tls);
  SSL_set_fd(tls_, fd_);
}

ScriptedConnection::~ScriptedConnection() {
  SSL_free(tls_);
  close(fd_);
}

ssize_t ScriptedConnection::Receive(char* bytes, size_t size) {
  if (tls_ == nullptr) return recv(fd_, bytes, size, 0);
  if (!SSL_is_init_finished(tls_) && SSL_accept(tls_) != 1) return -1;
  return SSL_read(tls_, bytes, static_cast<int>(size));
}

std::string ScriptedConnection::ReadRequest() {
  char bytes[65536];
  size_t wanted = std::string::npos;
  while (buffered_.size() < wanted) {
    const size_t end = buffered_.find("\r\n\r\n");
    if (end != std::string::npos) wanted = end + 4 + BodySize(buffered_.substr(0, end + 2));
    if (buffered_.size() >= wanted) break;
    const ssize_t n = Receive(bytes, sizeof bytes);
    if (n <= 0) return "";
    buffered_.append(bytes, static_cast<size_t>(n));
  }
  std::string request = buffered_.substr(0, wanted);
  buffered_.erase(0, wanted);
  return request;
}

bool ScriptedConnection::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = tls_ == nullptr
                          ? send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                          : SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()));
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

void ScriptedConnection::Reset() {
  const linger now{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  // The number stays taken until the destructor, so that Interrupt cannot hit another descriptor.
  const int nothing = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  dup2(nothing, fd_);
  close(nothing);
}

void ScriptedConnection::Close() { shutdown(fd_, SHUT_RDWR); }

bool ScriptedConnection::WaitForPeerToLeaveWithoutHandshake() {
  char bytes[4096];
  ssize_t n = 1;
  while (n > 0) n = recv(fd_, bytes, sizeof bytes, 0);
  return n == 0;
}

bool ScriptedConnection::WaitForPeerToLeave() {
  char bytes[4096];
  while (true) {
    errno = 0;
    const ssize_t n = Receive(bytes, sizeof bytes);
    if (n > 0) continue;
    return n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
}

void ScriptedConnection::Interrupt() { shutdown(fd_, SHUT_RDWR); }

ScriptedServer::ScriptedServer(Script script, const std::string& cert_file,
                               const std::string& key_file)
    : script_(std::move(script)) {
  signal(SIGPIPE, SIG_IGN);  // SSL_write has no MSG_NOSIGNAL
  if (!cert_file.empty()) {
    tls_ = SSL_CTX_new(TLS_server_method());
    MOA_CHECK(SSL_CTX_use_certificate_chain_file(tls_, cert_file.c_str()) == 1);
    MOA_CHECK(SSL_CTX_use_PrivateKey_file(tls_, key_file.c_str(), SSL_FILETYPE_PEM) == 1);
  }
  listen_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  MOA_CHECK(bind(listen_fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  MOA_CHECK(listen(listen_fd_, 1024) == 0);
  socklen_t size = sizeof address;
  MOA_CHECK(getsockname(listen_fd_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

ScriptedServer::~ScriptedServer() {
  std::vector<std::thread> threads;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    for (const auto& connection : connections_) connection->Interrupt();
  }
  shutdown(listen_fd_, SHUT_RDWR);
  acceptor_.join();
  {
    MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
  close(listen_fd_);
  SSL_CTX_free(tls_);
}

std::string ScriptedServer::url() const { return absl::StrCat("http://127.0.0.1:", port_); }

int ScriptedServer::connections() const {
  MutexLock lock(mutex_);
  return static_cast<int>(connections_.size());
}

void ScriptedServer::Accept() {
  while (true) {
    const int fd = accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC);
    MutexLock lock(mutex_);
    if (fd < 0) return;
    if (stopping_) {
      close(fd);
      return;
    }
    auto connection =
        std::make_shared<ScriptedConnection>(fd, static_cast<int>(connections_.size()), tls_);
    connections_.push_back(connection);
    threads_.emplace_back([this, connection] {
      script_(*connection);
      connection->Close();
    });
  }
}

std::string HttpReply(absl::string_view status_line_rest, absl::string_view content_type,
                      absl::string_view body, absl::string_view more_headers) {
  return absl::StrCat("HTTP/1.1 ", status_line_rest, "\r\nContent-Type: ", content_type,
                      "\r\nContent-Length: ", body.size(), "\r\n", more_headers, "\r\n", body);
}

std::string StreamHead() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
         "Transfer-Encoding: chunked\r\n\r\n";
}

std::string Chunk(absl::string_view bytes) {
  return absl::StrCat(absl::Hex(bytes.size()), "\r\n", bytes, "\r\n");
}

}  // namespace moa::upstream
