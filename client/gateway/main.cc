#include <cstdio>
#include <string>

#include "absl/synchronization/mutex.h"
#include "client/gateway/options.h"
#include "client/gateway/program.h"
#include "common/log/log.h"
#include "common/net/shutdown.h"

int main(int argc, char** argv) {
  // Debian's gRPC has Abseil's deadlock detection compiled in; it costs up to a third of the throughput.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  moa::BlockSignals();
  moa::gateway::GatewayOptions options;
  if (const auto status = moa::gateway::ParseGatewayOptions(argc, argv, &options)) return *status;
  moa::InitLogging({.format = *moa::ParseLogFormat(options.log_format),
                    .level = *moa::ParseLogLevel(options.log_level)});
  const absl::Status status = moa::gateway::RunGateway(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "moa-gateway: %s\n", std::string(status.message()).c_str());
  // A file or a value that the user named is a mistake of usage; the rest is the environment's.
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? 2 : 1;
}
