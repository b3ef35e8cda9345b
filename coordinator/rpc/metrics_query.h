#pragma once

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <string>
#include <vector>

#include "coordinator/rpc/peers.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// What this coordinator counts, of the families that are named or all. Thread-safe.
using MetricsSource = std::function<v1::CoordinatorMetrics(const std::vector<std::string>& names)>;

// Answers with `own` and what the coordinators at `others` say, each of which has two seconds; who does not answer is
// there with its error. `request` and `response` live until the reactor is finished.
void QueryMetrics(v1::CoordinatorMetrics own, Peers& peers, const std::vector<std::string>& others,
                  const v1::GetMetricsRequest& request, v1::GetMetricsResponse* response,
                  grpc::ServerUnaryReactor* reactor);

}  // namespace moa
