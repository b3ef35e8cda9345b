// The half of HttpConnection that answers: exchanges, the write queue and the ways to end.

#include <array>
#include <boost/asio/buffer.hpp>

#include "absl/strings/str_format.h"
#include "common/http/connection.h"

namespace moa {
namespace {

using boost::system::error_code;

constexpr size_t kAppendBytesMax = 16 * 1024;  // a buffer of the queue is filled up to here
constexpr size_t kBuffersPerWrite = 16;
// How long a client may take to read a last reply before its unread input resets the connection.
constexpr absl::Duration kLingerTimeout = absl::Seconds(2);

}  // namespace

void HttpConnection::Send(uint64_t id, HttpResponse response) {
  if (!IsLive(id) || streaming_ || raw_) return;
  AppendHead(response, false, response.body.size());
  if (!head_request_ && !response.body.empty()) {
    if (response.body.size() < kAppendBytesMax) {
      Append(response.body);
    } else {
      queued_bytes_ += response.body.size();
      queue_.push_back(std::move(response.body));
    }
  }
  EndExchange();
  if (!corked_) Flush();
}

void HttpConnection::StartStream(uint64_t id, const HttpResponse& head) {
  if (!IsLive(id) || streaming_ || raw_) return;
  streaming_ = true;
  if (!http11_)
    keep_alive_ = false;  // HTTP/1.0 knows no chunks: the end of the connection ends the body
  AppendHead(head, http11_, std::nullopt);
  // Not flushed: the first piece usually follows at once. A stream whose first piece takes long has
  // its head sent by the cork's end; from other threads, here.
  if (!corked_) Flush();
}

void HttpConnection::Write(uint64_t id, absl::string_view piece, bool raw) {
  if (!IsLive(id) || piece.empty()) return;
  if (raw) {
    raw_ = true;
    Flush();
    Append(piece);
    Flush();
    return;
  }
  if (!streaming_ || raw_) return;
  if (head_request_) return;
  if (http11_) {
    std::array<char, 20> size_line{};
    const int size = absl::SNPrintF(size_line.data(), size_line.size(), "%x\r\n", piece.size());
    Append({size_line.data(), static_cast<size_t>(size)});
    Append(piece);
    Append("\r\n");
  } else {
    Append(piece);
  }
  if (!corked_) Flush();
}

void HttpConnection::End(uint64_t id) {
  if (!IsLive(id)) return;
  if (!streaming_ || raw_) return Close(id);
  if (http11_ && !head_request_) Append("0\r\n\r\n");
  EndExchange();
  if (!corked_) Flush();
}

void HttpConnection::Close(uint64_t id) {
  if (!IsLive(id)) return;
  keep_alive_ = false;
  EndExchange();
  if (!corked_) Flush();
}

void HttpConnection::Abort(uint64_t id) {
  if (!IsLive(id)) return;
  EndExchange();
  error_code error;
  socket_->set_option(boost::asio::socket_base::linger(true, 0), error);
  CloseSocket();
}

void HttpConnection::Abandon(uint64_t id) {
  if (!IsLive(id)) return;
  if (streaming_ || raw_) return Close(id);
  Send(id, HttpResponse(500, "text/plain", "the server gave no answer\n"));
}

void HttpConnection::Overflow(uint64_t id) {
  if (IsLive(id)) Gone();
}

void HttpConnection::CallAfter(uint64_t id, absl::Duration delay,
                               absl::AnyInvocable<void()> callback) {
  if (!IsLive(id)) return;
  if (!timer_.has_value()) timer_.emplace(shard_.io);
  timer_callback_ = std::move(callback);
  timer_->expires_after(absl::ToChronoNanoseconds(delay));
  timer_->async_wait(
      [self = shared_from_this(), id, generation = ++timer_generation_](const error_code& error) {
        if (error || generation != self->timer_generation_ || !self->IsLive(id)) return;
        self->RunCorked(std::move(self->timer_callback_));
      });
}

void HttpConnection::OnClientGone(uint64_t id, absl::AnyInvocable<void()> callback) {
  if (IsLive(id)) {
    on_gone_ = std::move(callback);
  } else if (phase_ == Phase::kClosed && id == last_exchange_ && client_left_) {
    callback();
  }
}

void HttpConnection::RunCorked(absl::AnyInvocable<void()> callback) {
  const bool outer = corked_;
  corked_ = true;
  callback();
  callback = nullptr;  // may drop the last responder, which writes
  corked_ = outer;
  if (!corked_) Flush();
}

// The reply is complete in the queue. REQUIRES: an exchange is live.
void HttpConnection::EndExchange() {
  live_exchange_.store(0, std::memory_order_release);
  streaming_ = raw_ = false;
  ++timer_generation_;
  if (timer_.has_value()) timer_->cancel();
  close_when_flushed_ = !keep_alive_;
  // Destroyed last: they may hold the last responder.
  const absl::AnyInvocable<void()> gone = std::move(on_gone_);
  const absl::AnyInvocable<void()> timed = std::move(timer_callback_);
  on_gone_ = nullptr;
  timer_callback_ = nullptr;
}

void HttpConnection::Append(absl::string_view bytes) {
  if (bytes.empty()) return;
  if (queue_.size() == queue_first_ || queue_.back().size() + bytes.size() > kAppendBytesMax) {
    queue_.emplace_back();
  }
  queue_.back().append(bytes.data(), bytes.size());
  queued_bytes_ += bytes.size();
}

void HttpConnection::Flush() {
  if (phase_ == Phase::kClosed || waiting_write_) return;
  while (queue_first_ < queue_.size()) {
    std::array<boost::asio::const_buffer, kBuffersPerWrite> buffers;
    size_t count = 0;
    for (size_t i = queue_first_; i < queue_.size() && count < kBuffersPerWrite; ++i) {
      const size_t skip = i == queue_first_ ? queue_offset_ : 0;
      buffers[count++] = boost::asio::buffer(queue_[i].data() + skip, queue_[i].size() - skip);
    }
    error_code error;
    size_t written = socket_->write_some(buffers, error);
    if (error == boost::asio::error::would_block || error == boost::asio::error::try_again) {
      waiting_write_ = true;
      SetDeadline(shard_.options.write_timeout);
      socket_->async_wait(boost::asio::ip::tcp::socket::wait_write,
                          [self = shared_from_this()](const error_code& wait_error) {
                            self->waiting_write_ = false;
                            if (!wait_error) self->Flush();
                          });
      return;
    }
    if (error) return Gone();
    queued_bytes_ -= written;
    while (written > 0) {
      const size_t left = queue_[queue_first_].size() - queue_offset_;
      if (written < left) {
        queue_offset_ += written;
        break;
      }
      written -= left;
      queue_[queue_first_++] = std::string();
      queue_offset_ = 0;
    }
  }
  OnQueueEmpty();
}

void HttpConnection::OnQueueEmpty() {
  // One small buffer is kept for the next reply; an idle connection holds no more than that.
  queue_.clear();
  queue_first_ = queue_offset_ = 0;
  if (phase_ != Phase::kHandling) return;
  deadline_ = Clock::time_point::max();
  if (live_exchange_.load(std::memory_order_relaxed) != 0) return;
  if (close_when_flushed_) return Linger();
  phase_ = Phase::kIdle;
  continue_sent_ = false;
  parser_.emplace(storage_, shard_.options.header_bytes_max, shard_.options.body_bytes_max);
  SetDeadline(shard_.options.idle_timeout);
  if (shard_.draining) return CloseSocket();
  if (!parsing_) {
    boost::asio::post(shard_.io, [self = shared_from_this()] { self->Continue(); });
  }
}

// Ends our side and waits for the client to end its own: closing with unread input would reset the
// connection and could destroy the reply on its way.
void HttpConnection::Linger() {
  error_code error;
  socket_->shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
  phase_ = Phase::kLingering;
  input_ = std::string();
  SetDeadline(kLingerTimeout);
  WaitRead();
}

void HttpConnection::Gone() {
  const auto self = shared_from_this();
  const bool live = live_exchange_.load(std::memory_order_relaxed) != 0;
  absl::AnyInvocable<void()> gone = std::move(on_gone_);
  on_gone_ = nullptr;
  CloseSocket();
  if (live) {
    client_left_ = true;
    EndExchange();
    if (gone) gone();
  }
}

void HttpConnection::CloseSocket() {
  if (phase_ == Phase::kClosed) return;
  phase_ = Phase::kClosed;
  deadline_ = Clock::time_point::max();
  queue_.clear();
  queue_first_ = queue_offset_ = 0;
  queued_bytes_ = 0;
  timer_.reset();
  error_code error;
  socket_->close(error);  // the destructor alone would undo Abort's linger option
  socket_.reset();
  shard_.counters.connections.fetch_sub(1, std::memory_order_relaxed);
  shard_.connections.erase(this);
}

HttpExchange::~HttpExchange() {
  if (!connection->IsLive(id)) return;
  if (connection->OnShardThread()) {
    connection->Abandon(id);
  } else {
    boost::asio::post(connection->shard().io,
                      [target = connection, exchange = id] { target->Abandon(exchange); });
  }
}

}  // namespace moa
