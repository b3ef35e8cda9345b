#include "common/http/http_responder.h"

#include <utility>

#include "common/http/connection.h"

namespace moa {
namespace {

// Calls `action(connection)` now on the connection's thread, or posts it there.
template <typename Action>
void OnShard(const std::shared_ptr<HttpExchange>& exchange, Action action) {
  HttpConnection& connection = *exchange->connection;
  if (!connection.IsLive(exchange->id)) return;
  if (connection.OnShardThread()) {
    action(connection);
    return;
  }
  boost::asio::post(connection.shard().io,
                    [exchange, act = std::move(action)]() mutable { act(*exchange->connection); });
}

}  // namespace

HttpResponder::HttpResponder(std::shared_ptr<HttpExchange> exchange)
    : exchange_(std::move(exchange)) {}

void HttpResponder::Send(HttpResponse response) {
  if (exchange_ == nullptr) return;
  OnShard(exchange_, [id = exchange_->id, reply = std::move(response)](HttpConnection& c) mutable {
    c.Send(id, std::move(reply));
  });
}

void HttpResponder::StartStream(HttpResponse head) {
  if (exchange_ == nullptr) return;
  OnShard(exchange_, [id = exchange_->id, start = std::move(head)](HttpConnection& c) {
    c.StartStream(id, start);
  });
}

bool HttpResponder::Write(absl::string_view piece) { return WritePiece(piece, false); }

bool HttpResponder::WriteRaw(absl::string_view bytes) { return WritePiece(bytes, true); }

bool HttpResponder::WritePiece(absl::string_view piece, bool raw) {
  if (!active()) return false;
  HttpConnection& connection = *exchange_->connection;
  const uint64_t id = exchange_->id;
  if (connection.queued_bytes() + piece.size() > connection.shard().options.write_queue_bytes_max) {
    // Posted even on the connection's thread: a producer is not called back from inside its own
    // call.
    boost::asio::post(connection.shard().io,
                      [exchange = exchange_] { exchange->connection->Overflow(exchange->id); });
    return false;
  }
  if (connection.OnShardThread()) {
    connection.Write(id, piece, raw);
    return active();
  }
  connection.posted_bytes() += piece.size();
  boost::asio::post(connection.shard().io,
                    [exchange = exchange_, id, raw, bytes = std::string(piece)] {
                      exchange->connection->posted_bytes() -= bytes.size();
                      exchange->connection->Write(id, bytes, raw);
                    });
  return true;
}

void HttpResponder::End() {
  if (exchange_ == nullptr) return;
  OnShard(exchange_, [id = exchange_->id](HttpConnection& c) { c.End(id); });
}

void HttpResponder::Close() {
  if (exchange_ == nullptr) return;
  OnShard(exchange_, [id = exchange_->id](HttpConnection& c) { c.Close(id); });
}

void HttpResponder::Abort() {
  if (exchange_ == nullptr) return;
  OnShard(exchange_, [id = exchange_->id](HttpConnection& c) { c.Abort(id); });
}

void HttpResponder::CallAfter(absl::Duration delay, absl::AnyInvocable<void()> callback) {
  if (exchange_ == nullptr) return;
  OnShard(exchange_, [id = exchange_->id, delay, call = std::move(callback)](
                         HttpConnection& c) mutable { c.CallAfter(id, delay, std::move(call)); });
}

void HttpResponder::OnClientGone(absl::AnyInvocable<void()> callback) {
  if (exchange_ == nullptr) return;
  HttpConnection& connection = *exchange_->connection;
  if (connection.OnShardThread()) {
    connection.OnClientGone(exchange_->id, std::move(callback));
    return;
  }
  // Posted even when the exchange is over: the callback is due if it ended with the client's
  // leaving.
  boost::asio::post(connection.shard().io,
                    [exchange = exchange_, call = std::move(callback)]() mutable {
                      exchange->connection->OnClientGone(exchange->id, std::move(call));
                    });
}

size_t HttpResponder::queued_bytes() const {
  return exchange_ == nullptr ? 0 : exchange_->connection->queued_bytes();
}

bool HttpResponder::active() const {
  return exchange_ != nullptr && exchange_->connection->IsLive(exchange_->id);
}

}  // namespace moa
