#include <cstdio>
#include <string>

#include "absl/synchronization/mutex.h"
#include "common/log/log.h"
#include "common/net/shutdown.h"
#include "coordinator/options.h"
#include "coordinator/program.h"

int main(int argc, char** argv) {
  // Debian builds Abseil with lock-order checks that cost gRPC up to 38 %.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  moa::BlockSignals();
  moa::CoordinatorOptions options;
  if (const auto exit_status = moa::ParseCoordinatorOptions(argc, argv, &options)) {
    return *exit_status;
  }
  moa::InitLogging({.format = *moa::ParseLogFormat(options.log_format),
                    .level = *moa::ParseLogLevel(options.log_level)});
  const absl::Status status = moa::RunCoordinator(options);
  if (status.ok()) return 0;
  std::fprintf(stderr, "moa-coordinator: %s\n", std::string(status.message()).c_str());
  return 1;
}
