#include "common/http/connection.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace moa {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

// A client that sends the next request early waits with the rest of it.
constexpr size_t kEarlyInputBytesMax = 64 * 1024;

// "Date: Sat, 21 Nov 2026 23:31:28 GMT\r\n", made once a second and thread.
absl::string_view DateLine() {
  thread_local time_t made_at = 0;
  thread_local std::string line;
  const time_t now = std::time(nullptr);
  if (now != made_at) {
    made_at = now;
    std::array<char, 64> text{};
    struct tm parts {};
    gmtime_r(&now, &parts);
    const size_t size =
        std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &parts);
    line.assign(text.data(), size);
  }
  return line;
}

bool HasNoBody(int status) { return status < 200 || status == 204 || status == 304; }

int StatusOfParseError(const error_code& error) {
  namespace http = boost::beast::http;
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit) return 431;
  return 400;
}

absl::string_view MessageOfParseError(int status) {
  if (status == 413) return "the request body is larger than this server accepts";
  if (status == 431) return "the request headers are larger than this server accepts";
  return "the request is not valid HTTP/1.1";
}

}  // namespace

HttpConnection::HttpConnection(HttpShard& shard, asio::ip::tcp::socket socket)
    : shard_(shard), socket_(std::move(socket)) {
  shard_.connections.insert(this);
}

void HttpConnection::Start() {
  error_code error;
  socket_->non_blocking(true, error);
  socket_->set_option(asio::ip::tcp::no_delay(true), error);
  parser_.emplace(storage_, shard_.options.header_bytes_max, shard_.options.body_bytes_max);
  SetDeadline(shard_.options.header_timeout);
  WaitRead();
}

void HttpConnection::Refuse(int status, absl::string_view message) {
  error_code error;
  socket_->non_blocking(true, error);
  ReplyError(status, message);
}

void HttpConnection::WaitRead() {
  if (waiting_read_ || phase_ == Phase::kClosed) return;
  waiting_read_ = true;
  socket_->async_wait(asio::ip::tcp::socket::wait_read,
                      [self = shared_from_this()](const error_code& error) {
                        self->waiting_read_ = false;
                        if (!error) self->OnReadable();
                      });
}

void HttpConnection::OnReadable() {
  if (phase_ == Phase::kClosed) return;
  error_code error;
  const size_t size = socket_->read_some(asio::buffer(shard_.scratch), error);
  if (error == asio::error::would_block || error == asio::error::try_again) return WaitRead();
  if (error || size == 0) return Gone();
  if (phase_ == Phase::kLingering) return WaitRead();
  const absl::string_view bytes(shard_.scratch.data(), size);
  if (phase_ == Phase::kHandling) {
    input_.append(bytes.data(), bytes.size());
    if (input_.size() < kEarlyInputBytesMax) WaitRead();
    return;
  }
  Feed(bytes);
}

void HttpConnection::Feed(absl::string_view bytes) {
  parsing_ = true;
  if (input_.empty()) {
    // The usual case: a whole request, parsed where it was read.
    const size_t used = Parse(bytes);
    input_.assign(bytes.data() + used, bytes.size() - used);
  } else {
    input_.append(bytes.data(), bytes.size());
    input_.erase(0, Parse(input_));
  }
  parsing_ = false;
  Continue();
}

// Parses from `bytes` up to the end of one request and handles that; returns how much was used.
// Views into shard_.scratch stay good meanwhile: nothing reads before this returns.
size_t HttpConnection::Parse(absl::string_view bytes) {
  if (bytes.empty() || phase_ == Phase::kHandling || phase_ >= Phase::kLingering) return 0;
  if (phase_ == Phase::kIdle) {
    phase_ = Phase::kReading;
    SetDeadline(shard_.options.header_timeout);
  }
  error_code error;
  size_t used = 0;
  while (used < bytes.size() && !parser_->is_done()) {
    const bool header_was_done = parser_->is_header_done();
    const size_t size = parser_->put(asio::buffer(bytes.data() + used, bytes.size() - used), error);
    used += size;
    if (!header_was_done && parser_->is_header_done()) SetDeadline(shard_.options.body_timeout);
    if (error || size == 0) break;
  }
  if (error && error != boost::beast::http::error::need_more) {
    const int status = StatusOfParseError(error);
    ReplyError(status, MessageOfParseError(status));
    return bytes.size();
  }
  if (parser_->is_done()) {
    Dispatch();
  } else if (parser_->is_header_done() && storage_.expects_continue && !continue_sent_) {
    continue_sent_ = true;
    Append("HTTP/1.1 100 Continue\r\n\r\n");
    Flush();
  }
  return used;
}

void HttpConnection::Dispatch() {
  phase_ = Phase::kHandling;
  deadline_ = Clock::time_point::max();
  keep_alive_ = parser_->keep_alive() && !shard_.draining;
  const HttpRequest request = storage_.View();
  head_request_ = request.method == "HEAD";
  http11_ = storage_.version >= 11;
  shard_.counters.requests_total.fetch_add(1, std::memory_order_relaxed);
  const uint64_t id = ++last_exchange_;
  live_exchange_.store(id, std::memory_order_release);
  const auto self = shared_from_this();
  corked_ = true;
  shard_.handler(request, HttpResponder(std::make_shared<HttpExchange>(self, id)));
  corked_ = false;
  Flush();
}

// Goes on with what the client sent early, or waits for more.
void HttpConnection::Continue() {
  parsing_ = true;
  while (phase_ == Phase::kIdle || phase_ == Phase::kReading) {
    const size_t used = Parse(input_);
    if (used == 0) break;
    input_.erase(0, used);
  }
  parsing_ = false;
  if (phase_ == Phase::kHandling && input_.size() >= kEarlyInputBytesMax) return;
  WaitRead();
}

void HttpConnection::ReplyError(int status, absl::string_view message) {
  HttpResponse response = shard_.options.error_response
                              ? shard_.options.error_response(status, message)
                              : HttpResponse(status, "text/plain",
                                             absl::StrCat(HttpReason(status), ": ", message, "\n"));
  keep_alive_ = false;
  head_request_ = false;
  phase_ = Phase::kHandling;
  AppendHead(response, false, response.body.size());
  Append(response.body);
  close_when_flushed_ = true;
  Flush();
}

void HttpConnection::CheckDeadline(Clock::time_point now) {
  if (now < deadline_) return;
  if (phase_ == Phase::kReading && queue_.empty()) {
    return ReplyError(408, "the request did not arrive in time");
  }
  Gone();
}

void HttpConnection::Drain() {
  if (phase_ == Phase::kIdle) return CloseSocket();
  keep_alive_ = false;
}

void HttpConnection::Cut() { Gone(); }

void HttpConnection::SetDeadline(absl::Duration timeout) {
  deadline_ = timeout == absl::InfiniteDuration()
                  ? Clock::time_point::max()
                  : Clock::now() + absl::ToChronoMicroseconds(timeout);
}

void HttpConnection::AppendHead(const HttpResponse& response, bool chunked,
                                std::optional<size_t> length) {
  std::string head = absl::StrCat("HTTP/1.1 ", response.status, " ", HttpReason(response.status),
                                  "\r\n", DateLine(), response.header_block());
  if (chunked) head += "Transfer-Encoding: chunked\r\n";
  if (length.has_value() && !HasNoBody(response.status)) {
    absl::StrAppend(&head, "Content-Length: ", *length, "\r\n");
  }
  if (!keep_alive_) head += "Connection: close\r\n";
  head += "\r\n";
  Append(head);
}

}  // namespace moa
