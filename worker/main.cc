#include <prometheus/registry.h>

#include <cstdio>
#include <memory>
#include <string>

#include "absl/synchronization/mutex.h"
#include "common/log/log.h"
#include "common/net/metrics_server.h"
#include "common/net/shutdown.h"
#include "worker/rpc/worker.h"

namespace {

constexpr int kExitCannotStart = 1;

int Fail(const absl::Status& status) {
  const std::string message(status.message());
  std::fprintf(stderr, "moa-worker: %s\n", message.c_str());
  // A file or a value that the user named is a mistake of usage; the rest is the environment's.
  return status.code() == absl::StatusCode::kInvalidArgument ? 2 : kExitCannotStart;
}

}  // namespace

int main(int argc, char** argv) {
  // Debian's gRPC has Abseil's deadlock detection compiled in; it costs up to a third of the throughput.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  moa::BlockSignals();
  moa::worker::WorkerOptions options;
  if (const auto status = moa::worker::ParseWorkerOptions(argc, argv, &options)) return *status;
  moa::InitLogging({.format = *moa::ParseLogFormat(options.log_format),
                    .level = *moa::ParseLogLevel(options.log_level)});

  auto registry = std::make_shared<prometheus::Registry>();
  auto worker = moa::worker::Worker::Create(options, *registry);
  if (!worker.ok()) return Fail(worker.status());
  auto metrics = moa::MetricsServer::Start({.listen = options.metrics_listen,
                                            .metrics = {registry},
                                            .ready = [&worker] { return (*worker)->Ready(); }});
  if (!metrics.ok()) return Fail(metrics.status());
  moa::PrintListening("metrics", (*metrics)->address());

  (*worker)->Start();
  moa::ShutdownSignals signals([&worker] { (*worker)->Drain(); });
  (*worker)->WaitUntilDrained();
  moa::LogInfo("drained");
  return 0;
}
