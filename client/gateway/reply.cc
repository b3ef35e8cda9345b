#include "client/gateway/reply.h"

#include <utility>

namespace moa::gateway {
namespace {

constexpr int kClientGone = 499;

}  // namespace

Reply::Reply(HttpResponder responder, Route route, GatewayMetrics& metrics)
    : responder_(std::move(responder)), route_(route), metrics_(metrics) {
  metrics_.RequestBegan();
}

Reply::~Reply() {
  if (!ended_) Abandon();
}

void Reply::AddHeader(absl::string_view name, absl::string_view value) {
  headers_.emplace_back(name, value);
}

void Reply::Send(HttpResponse response) {
  if (ended_) return;
  for (const auto& [name, value] : headers_) response.AddHeader(name, value);
  const int status = response.status;
  responder_.Send(std::move(response));
  Count(status);
}

void Reply::StartStream() {
  if (ended_ || streaming_) return;
  HttpResponse head(200, "text/event-stream; charset=utf-8", "");
  head.AddHeader("Cache-Control", "no-cache");
  // nginx would collect the pieces.
  head.AddHeader("X-Accel-Buffering", "no");
  for (const auto& [name, value] : headers_) head.AddHeader(name, value);
  streaming_ = true;
  metrics_.StreamBegan();
  responder_.StartStream(std::move(head));
}

void Reply::Write(absl::string_view piece) {
  if (streaming_ && !ended_) responder_.Write(piece);
}

void Reply::End(int as_if) {
  if (ended_) return;
  responder_.End();
  Count(as_if);
}

void Reply::Abandon() {
  if (!ended_) Count(kClientGone);
}

void Reply::OnClientGone(std::function<void()> callback) {
  responder_.OnClientGone(std::move(callback));
}

void Reply::Count(int status) {
  ended_ = true;
  if (streaming_) metrics_.StreamEnded();
  metrics_.RequestEnded(route_, status, age());
}

}  // namespace moa::gateway
