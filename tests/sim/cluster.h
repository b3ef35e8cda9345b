#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/sim/simulation.h"

namespace moa::sim {

// Several coordinators on one store, from one seed: they crash, are not scheduled for a while and come back with
// new epochs; any two nodes lose each other, in one or both directions; the store is away, the coordinators' clocks are moved;
// workers are connected to all coordinators, clients go to any. As in Simulation everything goes wrong for a
// while, and then nothing does any more.
//
//   Outcome outcome = ClusterSimulation(42).Run();
//
// The same seed does the same on every machine. Not thread-safe; several may run side by side.
class ClusterSimulation {
 public:
  explicit ClusterSimulation(uint64_t seed, Bug bug = Bug::kNone,
                             Trace::Mode mode = Trace::Mode::kOff);
  Outcome Run();

 private:
  void AddWorkers();
  void AddClients();
  void PlanFaults();
  void PlanWorkerFaults(SimWorker* worker);
  void AtSomeTime(uint32_t times, const std::function<void()>& happens);
  void Start(int address);
  void Stop(int address, absl::Duration down);
  void CutSomething();
  void StoreGoesAway();
  void Calm();
  void CheckShares();
  void CheckEndedJobs();
  bool IsQuiet() const;
  std::string Leftovers() const;
  SimCoordinator* ForClient(uint32_t client);
  std::shared_ptr<Stream> Dial(int worker, int address, Stream::WorkerEnd end);

  const uint64_t seed_;
  World world_;
  Disk disk_;
  SimProvider provider_;
  SchedulerOptions scheduling_;
  std::vector<std::unique_ptr<SimWorker>> workers_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  std::vector<std::unique_ptr<SimCoordinator>> coordinators_;  // by address; null while it is down
  std::map<uint32_t, int> preferred_;                          // the address that a client is with
  uint64_t next_stream_ = 1;
};

// Runs the seed; a failure is run once more with its last lines kept.
Outcome RunClusterSeed(uint64_t seed, Bug bug = Bug::kNone);

}  // namespace moa::sim
