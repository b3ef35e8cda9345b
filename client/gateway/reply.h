#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/gateway/api_error.h"
#include "client/gateway/gateway_metrics.h"
#include "common/http/http_responder.h"

namespace moa::gateway {

// The answer to one request, with its share in the metrics: counted once, when it ends or, unanswered, when the last
// holder lets go of it. Owners: whoever works on the request, by shared_ptr. Externally synchronised.
class Reply {
 public:
  Reply(HttpResponder responder, Route route, GatewayMetrics& metrics);
  ~Reply();
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  // Goes out with the head, whichever that will be.
  void AddHeader(absl::string_view name, absl::string_view value);
  void Send(HttpResponse response);
  void SendError(const ApiError& error) { Send(ErrorResponse(error)); }
  void SendJson(std::string json, int status = 200) {
    Send(HttpResponse(status, "application/json", std::move(json)));
  }

  // A stream of server-sent events: the head, pieces, the end. `as_if` is counted as its status: what could not be said
  // any more when it was known.
  void StartStream();
  void Write(absl::string_view piece);
  void End(int as_if = 200);

  // The client went away: nothing more can be said.
  void Abandon();
  // As HttpResponder's: on the connection's thread.
  void OnClientGone(std::function<void()> callback);

  bool streaming() const { return streaming_; }
  bool ended() const { return ended_; }
  absl::Duration age() const { return absl::Now() - began_; }

 private:
  void Count(int status);

  HttpResponder responder_;
  const Route route_;
  GatewayMetrics& metrics_;
  const absl::Time began_ = absl::Now();
  std::vector<std::pair<std::string, std::string>> headers_;
  bool streaming_ = false;
  bool ended_ = false;
};

}  // namespace moa::gateway
