#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "absl/synchronization/mutex.h"
#include "common/log/log.h"
#include "simulator/flags.h"

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Blocked before any thread exists, so that only the sigwait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  moa::simulator::Flags flags;
  if (const auto status = moa::simulator::ParseFlags(argc, argv, flags)) return *status;

  moa::InitLogging({flags.json_log ? moa::LogFormat::kJson : moa::LogFormat::kText});

  moa::simulator::Simulator simulator(flags.simulator);
  flags.http.body_bytes_max = moa::simulator::Simulator::kBodyBytesMax;
  flags.http.write_queue_bytes_max = 32 << 20;
  flags.http.error_response = moa::simulator::Simulator::ErrorResponse;
  auto server = moa::HttpServer::Start(
      flags.http, [&simulator](const moa::HttpRequest& request, moa::HttpResponder responder) {
        simulator.Handle(request, std::move(responder));
      });
  if (!server.ok()) {
    std::fprintf(stderr, "cerebras-sim: %s\n", std::string(server.status().message()).c_str());
    return 1;
  }
  simulator.Observe(**server);
  moa::PrintListening("http", (*server)->address());

  int signal = 0;
  sigwait(&signals, &signal);
  // From here on a second signal ends the process at once.
  std::signal(signal, [](int) { std::_Exit(1); });
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
  (*server)->Stop(absl::Seconds(2));
  moa::LogInfo("stopped", {{"requests", (*server)->stats().requests_total}});
  return 0;
}
