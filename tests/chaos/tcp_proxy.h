#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/time/time.h"

namespace moa::chaos {

// Stands between a client and a server and makes their connection bad: slow, silent, or ended. What nft cannot do (it
// drops, it does not delay). Bytes are kept in order; at most kBufferedBytesMax wait in a direction, then its reader
// is made to wait.
//
// Owner: the cluster. Thread-safe; one thread of its own.
class TcpProxy {
 public:
  static constexpr size_t kBufferedBytesMax = 4 << 20;

  struct Options {
    std::string listen = "127.0.0.1:0";  // an IPv4 address and a port
    std::string target;                  // the same
    int network_fd = -1;  // network namespace of both its sockets, borrowed; -1: this process's
  };

  // Throws std::runtime_error when it cannot listen.
  explicit TcpProxy(const Options& options);
  // Ends all connections.
  ~TcpProxy();
  TcpProxy(const TcpProxy&) = delete;
  TcpProxy& operator=(const TcpProxy&) = delete;

  // Where it listens.
  const std::string& address() const { return address_; }

  // How long bytes that are read from now on wait, in each direction.
  void SetDelay(absl::Duration delay);
  // Nothing is read or written, new connections stay unanswered; nothing is ended.
  void SetStalled(bool stalled);
  // Resets every connection that stands.
  void CloseConnections();

 private:
  struct Loop;

  void Wake();

  std::string address_;
  int wake_fd_ = -1;
  std::atomic<int64_t> delay_ns_ = 0;
  std::atomic<bool> stalled_ = false;
  std::atomic<bool> close_ = false;
  std::atomic<bool> end_ = false;
  std::unique_ptr<Loop> loop_;
  std::jthread thread_;
};

}  // namespace moa::chaos
