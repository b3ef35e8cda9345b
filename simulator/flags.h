#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/http/http_server.h"
#include "simulator/simulator.h"

namespace moa::simulator {

// The command line of cerebras-sim.
struct Flags {
  SimulatorOptions simulator;
  std::unique_ptr<Journal> journal;  // simulator.journal points to it
  HttpServerOptions http;
  bool json_log = false;
};

// Reads flags and, where one is not given, the environment (CEREBRAS_SIM_TIME_SCALE for
// --time-scale). When the process should end now, returns its exit status: 0 after --help, 2 after
// a mistake, which has been printed with the flag's name.
std::optional<int> ParseFlags(int argc, char** argv, Flags& flags);

}  // namespace moa::simulator
