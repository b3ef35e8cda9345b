#include "coordinator/rpc/ended_attempt.h"

#include "coordinator/convert/convert.h"

namespace moa {
namespace {

RateLimits::Window WindowFromProto(const v1::RateLimits::Window& proto) {
  RateLimits::Window window;
  if (proto.has_limit()) window.limit = proto.limit();
  if (proto.has_remaining()) window.remaining = proto.remaining();
  return window;
}

RateLimits LimitsFromProto(const v1::RateLimits& proto) {
  return {
      .requests = {WindowFromProto(proto.requests_minute()), WindowFromProto(proto.requests_hour()),
                   WindowFromProto(proto.requests_day())},
      .tokens = {WindowFromProto(proto.tokens_minute()), WindowFromProto(proto.tokens_hour()),
                 WindowFromProto(proto.tokens_day())}};
}

}  // namespace

EndedAttempt EndedFromProto(v1::AttemptFinished* proto) {
  EndedAttempt ended{.event = FinishedFromProto(proto)};
  ended.received_bytes = proto->received_bytes();
  if (proto->has_rate_limits()) ended.rate_limits = LimitsFromProto(proto->rate_limits());
  return ended;
}

}  // namespace moa
