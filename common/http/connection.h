#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <utility>  // before Boost.Asio 1.74, which uses std::exchange without it
#include <vector>

#include "absl/functional/any_invocable.h"
#include "common/http/http_server.h"
#include "common/http/request_parser.h"

namespace moa {

class HttpConnection;

// Counted by all threads of a server.
struct HttpCounters {
  std::atomic<int64_t> connections{0};
  std::atomic<int64_t> connections_total{0};
  std::atomic<int64_t> refused_total{0};
  std::atomic<int64_t> requests_total{0};
};

// One thread of the server and the connections that live on it. Internal to common/http.
struct HttpShard {
  HttpShard(const HttpServerOptions& server_options, const HttpHandler& server_handler,
            HttpCounters& server_counters)
      : options(server_options), handler(server_handler), counters(server_counters) {}

  const HttpServerOptions& options;
  const HttpHandler& handler;
  HttpCounters& counters;
  boost::asio::io_context io{1};
  std::atomic<std::thread::id> thread_id{};

  // Shard thread only.
  std::unordered_set<HttpConnection*> connections;
  std::string scratch = std::string(64 * 1024, '\0');  // every connection reads into it
  bool draining = false;
};

// One accepted socket: reads requests, hands them to the handler, writes what responders say. Keeps
// itself alive through its pending operations; responders keep its memory, perhaps longer than the
// server lives, so that a closed connection touches nothing of its shard. Internal to common/http.
// Shard thread only, except where said.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  HttpConnection(HttpShard& shard, boost::asio::ip::tcp::socket socket);

  void Start();
  // Replies and closes without looking at the request.
  void Refuse(int status, absl::string_view message);
  // Called every so often: closes what has outstayed its deadline.
  void CheckDeadline(Clock::time_point now);
  // No further request; an idle connection closes at once.
  void Drain();
  // Cuts the connection; a running exchange learns that its client has gone.
  void Cut();

  // Of the exchange `id`; ignored when it is not the running one (see HttpResponder for the
  // meaning).
  void Send(uint64_t id, HttpResponse response);
  void StartStream(uint64_t id, const HttpResponse& head);
  void Write(uint64_t id, absl::string_view piece, bool raw);
  void End(uint64_t id);
  void Close(uint64_t id);
  void Abort(uint64_t id);
  void Abandon(uint64_t id);
  void CallAfter(uint64_t id, absl::Duration delay, absl::AnyInvocable<void()> callback);
  void OnClientGone(uint64_t id, absl::AnyInvocable<void()> callback);
  void Overflow(uint64_t id);

  // Any thread.
  bool IsLive(uint64_t id) const { return live_exchange_.load(std::memory_order_acquire) == id; }
  bool OnShardThread() const { return shard_.thread_id.load() == std::this_thread::get_id(); }
  HttpShard& shard() { return shard_; }
  std::atomic<size_t>& posted_bytes() { return posted_bytes_; }
  size_t queued_bytes() const { return queued_bytes_.load() + posted_bytes_.load(); }

 private:
  enum class Phase { kIdle, kReading, kHandling, kLingering, kClosed };

  void WaitRead();
  void OnReadable();
  void Feed(absl::string_view bytes);
  size_t Parse(absl::string_view bytes);
  void Dispatch();
  void Continue();
  void ReplyError(int status, absl::string_view message);
  void AppendHead(const HttpResponse& response, bool chunked, std::optional<size_t> length);
  void Append(absl::string_view bytes);
  void Flush();
  void OnQueueEmpty();
  void RunCorked(absl::AnyInvocable<void()> callback);
  void EndExchange();
  void Gone();
  void Linger();
  void CloseSocket();
  void SetDeadline(absl::Duration timeout);

  HttpShard& shard_;
  std::optional<boost::asio::ip::tcp::socket> socket_;  // none once closed
  Phase phase_ = Phase::kIdle;
  bool waiting_read_ = false;
  bool waiting_write_ = false;
  bool corked_ = false;   // inside the handler or a callback: it flushes when that returns
  bool parsing_ = false;  // whoever parses goes on with the input after an exchange
  Clock::time_point deadline_ = Clock::time_point::max();

  // The request being read or handled.
  RequestParser::Storage storage_;
  std::optional<RequestParser> parser_;
  std::string input_;  // bytes that are not parsed yet
  bool continue_sent_ = false;
  bool keep_alive_ = true;
  bool head_request_ = false;
  bool http11_ = true;

  // The running exchange.
  uint64_t last_exchange_ = 0;
  bool streaming_ = false;
  bool raw_ = false;
  bool client_left_ = false;  // during an exchange, the last one
  absl::AnyInvocable<void()> on_gone_;
  std::optional<boost::asio::steady_timer> timer_;
  absl::AnyInvocable<void()> timer_callback_;
  uint64_t timer_generation_ = 0;

  // What waits for the socket.
  std::vector<std::string> queue_;
  size_t queue_first_ = 0;   // of queue_
  size_t queue_offset_ = 0;  // within queue_[queue_first_]
  bool close_when_flushed_ = false;

  std::atomic<uint64_t> live_exchange_{0};  // 0: none; written on the shard thread
  std::atomic<size_t> queued_bytes_{0};     // in queue_; written on the shard thread
  std::atomic<size_t> posted_bytes_{0};     // on their way from other threads
};

// What responders share; when the last of them goes, an exchange that is still live is abandoned.
class HttpExchange {
 public:
  HttpExchange(std::shared_ptr<HttpConnection> exchange_connection, uint64_t exchange_id)
      : connection(std::move(exchange_connection)), id(exchange_id) {}
  ~HttpExchange();
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  const std::shared_ptr<HttpConnection> connection;
  const uint64_t id;
};

}  // namespace moa
