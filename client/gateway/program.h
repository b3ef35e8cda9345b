#pragma once

#include "absl/status/status.h"
#include "client/gateway/options.h"

namespace moa::gateway {

// Serves until SIGTERM or SIGINT and what was under way then has ended. REQUIRES: signals are blocked (BlockSignals).
// InvalidArgument or NotFound: a file or a value that the user named; other errors: it could not listen.
absl::Status RunGateway(const GatewayOptions& options);

}  // namespace moa::gateway
