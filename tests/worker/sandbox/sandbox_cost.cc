// What a run costs, one after another on one core: wall time, and CPU time of this process and its children.
//   nice -n 10 taskset -c 0 build/release/…/moa_sandbox_cost [RUNS]
#include <sys/resource.h>

#include <cstdlib>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "worker/sandbox/sandbox.h"

namespace {

double CpuSeconds(int who) {
  rusage usage;
  getrusage(who, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

double CpuSeconds() { return CpuSeconds(RUSAGE_SELF) + CpuSeconds(RUSAGE_CHILDREN); }

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 1 ? std::atoi(argv[1]) : 200;
  for (const bool namespaces : {true, false, true, false}) {
    const auto sandbox = moa::sandbox::Sandbox::Open({.use_namespaces = namespaces});
    if (!sandbox.ok()) {
      absl::PrintF("%s\n", sandbox.status().ToString());
      return 1;
    }
    const absl::Time start = absl::Now();
    const double cpu = CpuSeconds();
    for (int i = 0; i < runs; ++i) {
      const auto seen = (*sandbox)->Run({"def f(x):\n  return x\n", "f", {{"[1]"}}});
      if (!seen.ok() || seen->calls[0].value != "1") return 1;
    }
    const double wall = absl::ToDoubleSeconds(absl::Now() - start);
    absl::PrintF("%-45s %6.1f runs/s, %5.2f ms wall, %5.2f ms CPU a run\n", (*sandbox)->Layers(),
                 runs / wall, 1e3 * wall / runs, 1e3 * (CpuSeconds() - cpu) / runs);
  }
  return 0;
}
