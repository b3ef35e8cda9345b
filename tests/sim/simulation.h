#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/disk.h"
#include "tests/sim/sim_client.h"
#include "tests/sim/sim_coordinator.h"
#include "tests/sim/sim_provider.h"
#include "tests/sim/sim_worker.h"
#include "tests/sim/world.h"

namespace moa::sim {

// What became of one seed.
struct Outcome {
  uint64_t seed = 0;
  std::string rule{};              // the first that was broken; "" when all held
  std::string details{};           // where
  std::deque<std::string> last{};  // lines of the trace, when it was on
  uint64_t events = 0;
  uint64_t jobs = 0;
  uint64_t calls = 0;
  bool ok() const { return rule.empty(); }
};

// A cluster from one seed: clients, a coordinator that crashes and comes back on its disk, workers
// that come and go, a provider that fails. First everything goes wrong for a while (safety must
// hold throughout), then nothing does any more, and all must come to its end (liveness).
//
//   Outcome outcome = Simulation(42).Run();
//
// The same seed does the same on every machine. Not thread-safe; several may run side by side.
class Simulation {
 public:
  explicit Simulation(uint64_t seed, Bug bug = Bug::kNone, Trace::Mode mode = Trace::Mode::kOff);
  Outcome Run();

 private:
  void PlanFaults();
  void StartCoordinator();
  void CrashCoordinator();
  void Calm();
  void CheckEndedJobs();
  bool IsQuiet() const;
  std::string Leftovers() const;
  std::shared_ptr<Stream> Dial(Stream::WorkerEnd worker);

  const uint64_t seed_;
  World world_;
  Disk disk_;
  SimProvider provider_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::unique_ptr<SimCoordinator> coordinator_;
  uint64_t next_stream_ = 1;
};

// Runs the seed; a failure is run once more with its last lines kept.
Outcome RunSeed(uint64_t seed, Bug bug = Bug::kNone);

}  // namespace moa::sim
