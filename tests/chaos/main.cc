#include <csignal>
#include <cstdio>
#include <exception>

#include "absl/synchronization/mutex.h"
#include "tests/chaos/flags.h"
#include "tests/chaos/report.h"

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  std::signal(SIGPIPE, SIG_IGN);
  moa::chaos::RunOptions options;
  if (const auto status = moa::chaos::ParseFlags(argc, argv, &options)) return *status;
  try {
    const moa::chaos::Outcome outcome = moa::chaos::Run(options);
    const std::string report =
        options.json ? moa::chaos::JsonReport(outcome) : moa::chaos::TextReport(outcome);
    std::fputs(report.c_str(), stdout);
    return outcome.ok() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "moa-chaos: %s\n", error.what());
    return 3;
  }
}
