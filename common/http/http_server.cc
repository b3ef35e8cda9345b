#include "common/http/http_server.h"

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/base/status_macros.h"
#include "common/http/connection.h"

namespace moa {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds kAcceptRetryDelay(100);

absl::StatusOr<tcp::endpoint> Resolve(asio::io_context& io, absl::string_view listen) {
  const auto invalid = [&](absl::string_view why) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on '", listen, "': ", why, "; expected HOST:PORT"));
  };
  const size_t colon = listen.rfind(':');
  if (colon == absl::string_view::npos) return invalid("there is no port");
  absl::string_view host = listen.substr(0, colon);
  int port = 0;
  if (!absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 || port > 65535) {
    return invalid("the port is not a number from 0 to 65535");
  }
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (host.empty()) return invalid("there is no host");
  error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  if (!error) return tcp::endpoint(address, static_cast<unsigned short>(port));
  tcp::resolver resolver(io);
  const auto results = resolver.resolve(std::string(host), std::to_string(port), error);
  if (error || results.empty())
    return invalid(absl::StrCat("the host is unknown (", error.message(), ")"));
  return results.begin()->endpoint();
}

std::string ToText(const tcp::endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? absl::StrCat("[", host, "]:", endpoint.port())
                                    : absl::StrCat(host, ":", endpoint.port());
}

absl::Status BindError(absl::string_view listen, const error_code& error) {
  const std::string text = absl::StrCat("cannot listen on ", listen, ": ", error.message());
  if (error == asio::error::address_in_use) {
    return absl::FailedPreconditionError(
        absl::StrCat(text, "; stop the other program or choose another port"));
  }
  if (error == asio::error::access_denied) return absl::PermissionDeniedError(text);
  return absl::UnavailableError(text);
}

}  // namespace

class HttpServer::Core {
 public:
  Core(HttpServerOptions options, HttpHandler handler)
      : options_(std::move(options)), handler_(std::move(handler)) {
    for (int i = 0; i < std::max(1, options_.threads); ++i) {
      shards_.push_back(std::make_unique<HttpShard>(options_, handler_, counters_));
    }
  }

  absl::Status Listen() {
    asio::io_context& io = shards_[0]->io;
    MOA_ASSIGN_OR_RETURN(const tcp::endpoint endpoint, Resolve(io, options_.listen));
    acceptor_.emplace(io);
    error_code error;
    acceptor_->open(endpoint.protocol(), error);
    if (error) return BindError(options_.listen, error);
    acceptor_->set_option(tcp::acceptor::reuse_address(true), error);
    acceptor_->bind(endpoint, error);
    if (error) return BindError(options_.listen, error);
    acceptor_->listen(4096, error);
    if (error) return BindError(options_.listen, error);
    const tcp::endpoint bound = acceptor_->local_endpoint(error);
    address_ = ToText(bound);
    port_ = bound.port();
    return absl::OkStatus();
  }

  void Run() {
    Accept();
    const absl::Duration shortest =
        std::min({options_.header_timeout, options_.body_timeout, options_.idle_timeout,
                  options_.write_timeout, absl::Seconds(4)});
    sweep_interval_ = absl::ToChronoMilliseconds(
        std::clamp(shortest / 4, absl::Milliseconds(10), absl::Seconds(1)));
    for (const auto& shard : shards_) {
      guards_.push_back(asio::make_work_guard(shard->io));
      sweeps_.push_back(std::make_unique<asio::steady_timer>(shard->io));
      Sweep(*shard, *sweeps_.back());
    }
    for (const auto& shard : shards_) {
      threads_.emplace_back([&shard] {
        shard->thread_id = std::this_thread::get_id();
        shard->io.run();
      });
    }
  }

  void Stop(absl::Duration grace) {
    if (threads_.empty()) return;
    asio::post(shards_[0]->io, [this] {
      error_code error;
      acceptor_->close(error);
    });
    for (const auto& shard : shards_) {
      asio::post(shard->io, [&shard] {
        shard->draining = true;
        for (const auto& connection : Snapshot(*shard)) connection->Drain();
      });
    }
    const auto deadline = HttpConnection::Clock::now() + absl::ToChronoMilliseconds(grace);
    while (counters_.connections.load() > 0 && HttpConnection::Clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    for (const auto& shard : shards_) {
      asio::post(shard->io, [&shard] {
        for (const auto& connection : Snapshot(*shard)) connection->Cut();
        shard->io.stop();
      });
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  const std::string& address() const { return address_; }
  int port() const { return port_; }
  HttpServerStats stats() const {
    return {counters_.connections.load(), counters_.connections_total.load(),
            counters_.refused_total.load(), counters_.requests_total.load()};
  }

 private:
  static std::vector<std::shared_ptr<HttpConnection>> Snapshot(const HttpShard& shard) {
    std::vector<std::shared_ptr<HttpConnection>> all;
    for (HttpConnection* connection : shard.connections) {
      if (auto alive = connection->weak_from_this().lock()) all.push_back(std::move(alive));
    }
    return all;
  }

  void Accept() {
    HttpShard& shard = *shards_[next_shard_++ % shards_.size()];
    acceptor_->async_accept(shard.io, [this, &shard](const error_code& error, tcp::socket socket) {
      if (error == asio::error::operation_aborted || !acceptor_->is_open()) return;
      if (error) {
        // Out of descriptors, most likely: the backlog waits until some are free again.
        accept_retry_.emplace(shards_[0]->io, kAcceptRetryDelay);
        accept_retry_->async_wait([this](const error_code& wait_error) {
          if (!wait_error && acceptor_->is_open()) Accept();
        });
        return;
      }
      counters_.connections_total.fetch_add(1, std::memory_order_relaxed);
      const bool full = counters_.connections.fetch_add(1) >= options_.connections_max;
      if (full) counters_.refused_total.fetch_add(1, std::memory_order_relaxed);
      asio::post(shard.io, [&shard, full, accepted = std::move(socket)]() mutable {
        const auto connection = std::make_shared<HttpConnection>(shard, std::move(accepted));
        if (full) {
          connection->Refuse(503, "too many connections");
        } else {
          connection->Start();
        }
      });
      Accept();
    });
  }

  void Sweep(HttpShard& shard, asio::steady_timer& timer) {
    timer.expires_after(sweep_interval_);
    timer.async_wait([this, &shard, &timer](const error_code& error) {
      if (error) return;
      const auto now = HttpConnection::Clock::now();
      for (const auto& connection : Snapshot(shard)) connection->CheckDeadline(now);
      Sweep(shard, timer);
    });
  }

  // Constant after Run.
  const HttpServerOptions options_;
  const HttpHandler handler_;
  std::string address_;
  int port_ = 0;
  std::chrono::milliseconds sweep_interval_{1000};

  HttpCounters counters_;
  std::vector<std::unique_ptr<HttpShard>> shards_;
  std::vector<asio::executor_work_guard<asio::io_context::executor_type>> guards_;
  std::vector<std::unique_ptr<asio::steady_timer>> sweeps_;
  std::vector<std::thread> threads_;

  // First shard's thread only, once running.
  std::optional<tcp::acceptor> acceptor_;
  std::optional<asio::steady_timer> accept_retry_;
  size_t next_shard_ = 0;
};

HttpServer::HttpServer(std::unique_ptr<Core> core) : core_(std::move(core)) {}
HttpServer::~HttpServer() { Stop(absl::ZeroDuration()); }

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(HttpServerOptions options,
                                                              HttpHandler handler) {
  MOA_CHECK(handler != nullptr);
  auto core = std::make_unique<Core>(std::move(options), std::move(handler));
  MOA_RETURN_IF_ERROR(core->Listen());
  core->Run();
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(core)));
}

const std::string& HttpServer::address() const { return core_->address(); }
int HttpServer::port() const { return core_->port(); }
void HttpServer::Stop(absl::Duration grace) { core_->Stop(grace); }
HttpServerStats HttpServer::stats() const { return core_->stats(); }

}  // namespace moa
