// Jobs through a whole cluster: one coordinator (SQLite at synchronous=FULL), workers, and the simulator
// with instant replies, all real processes on this machine, driven by clients that each submit a job, watch
// it to its end and submit the next.
//
//   throughput [--jobs 1000] [--concurrency 64] [--single-jobs 200] [--layers 2] [--agents 3]
//              [--workers 2] [--repeat 5] [-- FLAGS OF THE COORDINATOR]
//
// Prints, for the given concurrency and for 1: jobs/s and calls/s, CPU-µs per upstream call by process, and
// added latency (job latency less its critical path) p50 and p99; each the median of the repetitions with
// the least and the greatest; and resident memory before and after.

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/lib/moa_client.h"
#include "tests/cluster/mini_cluster.h"

namespace moa {
namespace {

struct Shape {
  int64_t jobs = 1000;
  int64_t concurrency = 64;
  int64_t single_jobs = 200;
  int64_t layers = 2;
  int64_t agents = 3;
  int64_t workers = 2;
  int64_t repeat = 5;
  cluster::Args coordinator_args;
};

v1::JobSpec MakeJob(const Shape& shape) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content("Plan an afternoon in San Francisco for two people who like to walk.");
  for (int64_t l = 0; l < shape.layers; ++l) {
    v1::Layer* layer = job.mutable_moa()->add_layers();
    for (int64_t a = 0; a < shape.agents; ++a) {
      v1::Agent* agent = layer->add_agents();
      agent->set_name(absl::StrCat("agent", a));
      agent->set_model("gpt-oss-120b");
      agent->set_system_prompt("Think step by step.");
      agent->set_max_completion_tokens(800);
    }
  }
  job.mutable_moa()->mutable_aggregator()->set_model("gpt-oss-120b");
  return job;
}

// What one run measured.
using Figures = std::map<std::string, double>;

struct RunningCluster {
  cluster::MiniCluster processes;
  std::vector<std::pair<std::string, cluster::Process*>> watched;  // by role
};

double Quantile(std::vector<double>& sorted, double q) {
  return sorted[static_cast<size_t>(q * static_cast<double>(sorted.size() - 1))];
}

std::map<std::string, double> CpuSeconds(const RunningCluster& running) {
  std::map<std::string, double> seconds;
  for (const auto& [role, process] : running.watched) {
    seconds[role] += absl::ToDoubleSeconds(process->CpuTime());
  }
  return seconds;
}

// One client: a job after the other until none is left.
void RunJobs(Client& client, const v1::JobSpec& job, std::atomic<int64_t>& left, std::mutex& mutex,
             std::vector<double>& added_ms) {
  std::vector<double> mine;
  while (left.fetch_sub(1) > 0) {
    const auto submitted = client.Submit(job);
    v1::JobEnded ended;
    absl::Status status = submitted.status();
    if (status.ok()) {
      status = client.Watch(submitted->job_id(), {.progress = false},
                            [&](const v1::WatchUpdate& update) {
                              if (update.event().has_ended()) ended = update.event().ended();
                              return true;
                            });
    }
    if (!status.ok() || ended.state() != v1::JOB_STATE_SUCCEEDED) {
      std::cerr << "a job did not succeed: " << status << " " << ended.error().message() << "\n";
      std::exit(1);
    }
    mine.push_back(static_cast<double>(ended.latency_us() - ended.critical_path_us()) / 1000.0);
  }
  const std::lock_guard<std::mutex> lock(mutex);
  added_ms.insert(added_ms.end(), mine.begin(), mine.end());
}

Figures Measure(RunningCluster& running, Client& client, const Shape& shape, int64_t jobs,
                int64_t concurrency) {
  const v1::JobSpec job = MakeJob(shape);
  std::atomic<int64_t> left{jobs};
  std::mutex mutex;
  std::vector<double> added_ms;
  const auto cpu_before = CpuSeconds(running);
  const absl::Time start = absl::Now();
  std::vector<std::thread> clients;
  for (int64_t i = 0; i < concurrency; ++i) {
    clients.emplace_back([&] { RunJobs(client, job, left, mutex, added_ms); });
  }
  for (std::thread& thread : clients) thread.join();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  const double calls = static_cast<double>(jobs * (shape.layers * shape.agents + 1));
  Figures figures;
  figures["jobs/s"] = static_cast<double>(jobs) / seconds;
  figures["calls/s"] = calls / seconds;
  double ours = 0;
  for (const auto& [role, cpu] : CpuSeconds(running)) {
    const double us = (cpu - cpu_before.at(role)) * 1e6 / calls;
    figures["CPU us/call " + role] = us;
    if (role != "simulator") ours += us;
  }
  figures["CPU us/call coordinator + workers"] = ours;
  absl::c_sort(added_ms);
  figures["added ms p50"] = Quantile(added_ms, 0.5);
  figures["added ms p99"] = Quantile(added_ms, 0.99);
  return figures;
}

void Report(const std::string& title, const std::vector<Figures>& runs) {
  std::cout << title << "\n";
  for (const auto& [name, first] : runs.front()) {
    std::vector<double> values;
    for (const Figures& run : runs) values.push_back(run.at(name));
    absl::c_sort(values);
    std::cout << absl::StrFormat("  %-36s median %10.2f   (%.2f to %.2f)\n", name,
                                 values[values.size() / 2], values.front(), values.back());
  }
}

void ReportMemory(const char* when, const RunningCluster& running) {
  std::cout << "resident memory " << when << ":";
  for (const auto& [role, process] : running.watched) {
    std::cout << absl::StrFormat("  %s %.1f MiB", role,
                                 static_cast<double>(process->ResidentBytes()) / (1 << 20));
  }
  std::cout << "\n";
}

void Run(const Shape& shape) {
  RunningCluster running;
  cluster::MiniCluster& processes = running.processes;
  running.watched.emplace_back("simulator", &processes.StartSimulator({"--time-scale", "0"}));
  running.watched.emplace_back("coordinator", &processes.StartCoordinator(shape.coordinator_args));
  for (int64_t i = 0; i < shape.workers; ++i) {
    running.watched.emplace_back("workers", &processes.StartWorker(absl::StrCat("worker", i)));
  }
  processes.WaitForWorkers(static_cast<int>(shape.workers));
  const auto client = Client::Connect({.address = processes.coordinator_address()});
  if (!client.ok()) throw std::runtime_error(client.status().ToString());
  std::cout << absl::StrFormat(
      "%d layers x %d agents + aggregator, %d workers, replies without delay, synchronous=FULL, %d "
      "repetitions\n",
      shape.layers, shape.agents, shape.workers, shape.repeat);
  ReportMemory("before", running);
  Measure(running, **client, shape, std::min<int64_t>(shape.jobs, 100), shape.concurrency);
  std::vector<Figures> loaded;
  std::vector<Figures> single;
  for (int64_t i = 0; i < shape.repeat; ++i) {
    loaded.push_back(Measure(running, **client, shape, shape.jobs, shape.concurrency));
    single.push_back(Measure(running, **client, shape, shape.single_jobs, 1));
  }
  Report(absl::StrCat(shape.jobs, " jobs at concurrency ", shape.concurrency), loaded);
  Report(absl::StrCat(shape.single_jobs, " jobs at concurrency 1"), single);
  ReportMemory("after", running);
}

// False when an argument is not known or not a number.
bool ReadArguments(int argc, char** argv, Shape* shape) {
  const std::map<std::string, int64_t*> numbers = {
      {"--jobs", &shape->jobs},     {"--concurrency", &shape->concurrency},
      {"--layers", &shape->layers}, {"--single-jobs", &shape->single_jobs},
      {"--agents", &shape->agents}, {"--workers", &shape->workers},
      {"--repeat", &shape->repeat}};
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument == "--") {
      shape->coordinator_args.assign(argv + i + 1, argv + argc);
      return true;
    }
    const auto it = numbers.find(argument);
    if (it == numbers.end() || ++i == argc || !absl::SimpleAtoi(argv[i], it->second) ||
        *it->second < 1) {
      return false;
    }
  }
  return true;
}

}  // namespace
}  // namespace moa

int main(int argc, char** argv) {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  moa::Shape shape;
  if (!moa::ReadArguments(argc, argv, &shape)) {
    std::cerr << "usage: throughput [--jobs N] [--concurrency N] [--single-jobs N] [--layers N] "
                 "[--agents N] [--workers N] [--repeat N] [-- COORDINATOR FLAGS]\n";
    return 2;
  }
  try {
    moa::Run(shape);
  } catch (const std::exception& error) {
    std::cerr << "throughput: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
