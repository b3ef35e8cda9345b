#include <variant>

#include "absl/synchronization/mutex.h"
#include "client/moactl/command_line.h"
#include "client/moactl/commands.h"
#include "common/net/shutdown.h"

int main(int argc, char** argv) {
  // Debian's Abseil has it built in, and gRPC pays for it on every lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  moa::BlockSignals();
  auto parsed = moa::ParseCommandLine(argc, argv);
  if (const int* status = std::get_if<int>(&parsed)) return *status;
  moa::Interruption interruption;
  const moa::ShutdownSignals signals([&] { interruption.Signal(); });
  return moa::RunCommand(std::get<moa::Invocation>(parsed), interruption);
}
