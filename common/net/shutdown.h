#pragma once

#include <functional>
#include <thread>

namespace moa {

// Blocks SIGTERM and SIGINT in this thread and those it starts, and ignores SIGPIPE. The first line of
// every main, before any gRPC object exists: a thread of gRPC's that was started earlier would take the
// signal and die with the process.
void BlockSignals();

// Waits for SIGTERM and SIGINT on a thread of its own. The first calls `drain`; a second ends the process
// at once with status 128 + signal, whatever is still going on.
//
//   BlockSignals();
//   …
//   ShutdownSignals signals([&] { program.Drain(); });
//   program.WaitUntilDrained();
//
// Owner: main. `drain` runs on the thread of this object, at most once, and must not block for long;
// everything it touches outlives this object.
class ShutdownSignals {
 public:
  explicit ShutdownSignals(std::function<void()> drain);
  ~ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

 private:
  void Run();

  const std::function<void()> drain_;
  const int signal_fd_;
  const int stop_fd_;
  std::thread thread_;
};

}  // namespace moa
