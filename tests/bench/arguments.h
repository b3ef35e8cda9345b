#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "tests/bench/report.h"
#include "tests/cluster/mini_cluster.h"

namespace moa::bench {

// The command line that all benchmarks share:
//
//   NAME [--repeat N] [--json] [--NUMBER N]… [-- FLAGS OF THE COORDINATOR]
//
// where the numbers are the benchmark's own, whole and at least 0.
struct Arguments {
  int64_t repeat = 5;
  bool json = false;
  std::map<std::string, int64_t> numbers;  // by name without dashes, with its default
  cluster::Args coordinator;
};

// A benchmark's main: reads the arguments (`numbers` are its own with their defaults), runs it and
// prints its report on stdout, as text or JSON. Exit status 0 however the targets fared; 1 when it
// could not measure, 2 for wrong arguments, both with a sentence on stderr.
int RunBenchmark(int argc, char** argv, std::map<std::string, int64_t> numbers,
                 const std::function<Report(const Arguments&)>& run);

}  // namespace moa::bench
