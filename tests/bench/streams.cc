// What a call costs a real coordinator by how many workers are connected to it: the process (SQLite, synchronous=FULL)
// on loopback, all workers in this process, each with a stream on a connection of its own, answering at once.
//
//   streams [--jobs 600] [--concurrency 64] [--workers 1000] [--slots 8] [--repeat 5] [--json]
//           [-- FLAGS OF THE COORDINATOR]
//
// For 1, 10, 100 … up to `workers` streams, each repetition with a coordinator of its own:
//
//   CPU us a call        of the coordinator, the clients' submissions and watches of those jobs included
//   loop CPU us a call   of its one thread that owns all jobs: a second divided by it is what a coordinator can carry at
//                        most, with cores enough for its other threads
//   calls/s              of the machine, which runs the load as well
//   idle CPU ms a s      of the coordinator while nothing happens
//   resident KiB a worker

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/fake_workers.h"
#include "tests/bench/load.h"

namespace moa::bench {
namespace {

constexpr absl::Duration kIdle = absl::Seconds(2);

double CpuUs(const cluster::Process& process) {
  return absl::ToDoubleMicroseconds(process.CpuTime());
}

std::string FirstLine(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  std::getline(in, line);
  return line;
}

// Of the process's thread of that name, to the nanosecond.
double ThreadCpuUs(const cluster::Process& process, absl::string_view name) {
  const std::string tasks = absl::StrCat("/proc/", process.pid(), "/task");
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    if (FirstLine(task.path() / "comm") != name) continue;
    const std::string stat = FirstLine(task.path() / "schedstat");
    int64_t ns = 0;
    if (absl::SimpleAtoi(stat.substr(0, stat.find(' ')), &ns)) return static_cast<double>(ns) / 1e3;
  }
  throw std::runtime_error(absl::StrCat("no thread ", name));
}

void Measure(const Arguments& arguments, int64_t workers, Report& report) {
  const auto& numbers = arguments.numbers;
  const std::string variant = absl::StrCat(workers, workers == 1 ? " worker" : " workers");
  cluster::MiniCluster cluster;
  cluster::Args args = {"--hedge=false"};
  args.insert(args.end(), arguments.coordinator.begin(), arguments.coordinator.end());
  cluster::Process& coordinator = cluster.StartCoordinator(args);
  const int64_t bytes_before = coordinator.ResidentBytes();
  FakeWorkers streams(cluster.coordinator_address(),
                      {.workers = workers, .slots = static_cast<uint32_t>(numbers.at("slots"))});
  const int64_t bytes = coordinator.ResidentBytes() - bytes_before;
  const double idle_before = CpuUs(coordinator);
  absl::SleepFor(kIdle);
  const double idle_us = CpuUs(coordinator) - idle_before;

  auto client = Client::Connect({.address = cluster.coordinator_address()});
  if (!client.ok()) throw std::runtime_error(client.status().ToString());
  const JobShape shape;
  const Load load{.jobs = numbers.at("jobs"),
                  .concurrency = numbers.at("concurrency"),
                  .make = [&](int64_t, const std::string& mark) { return MakeJob(shape, mark); }};
  const double before = CpuUs(coordinator);
  const double loop_before = ThreadCpuUs(coordinator, "moa-loop");
  const absl::Time start = absl::Now();
  const std::vector<JobOutcome> outcomes = RunJobs(**client, load);
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const auto calls = static_cast<double>(streams.calls());
  report.Add(variant, "CPU us a call", (CpuUs(coordinator) - before) / calls);
  report.Add(variant, "loop CPU us a call",
             (ThreadCpuUs(coordinator, "moa-loop") - loop_before) / calls);
  report.Add(variant, "calls/s", calls / seconds);
  report.Add(variant, "idle CPU ms a s", idle_us / 1000 / absl::ToDoubleSeconds(kIdle));
  report.Add(variant, "resident KiB a worker",
             static_cast<double>(bytes) / 1024 / static_cast<double>(workers));
  report.Add(variant, "jobs that did not succeed", static_cast<double>(Failures(outcomes)),
             Never());
}

Report MeasureAll(const Arguments& arguments) {
  const auto& numbers = arguments.numbers;
  Report report("streams", absl::StrCat(numbers.at("jobs"), " jobs of 2x3+1, ",
                                        numbers.at("concurrency"), " at a time, workers of ",
                                        numbers.at("slots"), " slots that answer at once"));
  for (int64_t i = 0; i < arguments.repeat; ++i) {
    for (int64_t workers = 1; workers < numbers.at("workers"); workers *= 10) {
      Measure(arguments, workers, report);
    }
    Measure(arguments, numbers.at("workers"), report);
  }
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(
      argc, argv, {{"jobs", 600}, {"concurrency", 64}, {"workers", 1000}, {"slots", 8}},
      moa::bench::MeasureAll);
}
