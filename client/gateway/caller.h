#pragma once

#include <string>

#include "client/gateway/coordinators.h"
#include "common/http/http_message.h"

namespace moa::gateway {

// What a request says of who asks, as the coordinator is told it. Pure.

// W3C Trace Context; empty where it is absent or not well-formed.
CallHeaders TraceOf(const HttpRequest& request);

// The request's idempotency key; one of our own where it has none, so that asking again after a lost acknowledgement
// makes no second job.
std::string KeyOf(const HttpRequest& request);

}  // namespace moa::gateway
