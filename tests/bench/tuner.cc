// What moactl tune finds, against random search at the same number of graded runs.
//
//   tuner [--repeat 20] [--json]
//
// The base is three agents and an aggregator of which none was told anything, 1 layer, 1 cycle; models, temperatures,
// agents, cycles and prompts are searched. The simulator writes the programs and has other habits in each repetition
// (docs/simulator-coder.md). The programs are graded by user-metrics, 120 points.
//
//   tuner           moactl tune as it is: learns, rewrites prompts, repeats the promising
//   without rewriting, the same but for prompts
//   random search   draws configurations, repeats the promising, rewrites nothing
//
// After 16, 32 and 64 graded runs, each a search of its own: the true mean of the configuration that it ends with, over 24
// further runs with other seeds. "runs to 115": the first of these budgets whose configuration truly has 115 points and
// more; 128 where none has.

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/bench/arguments.h"
#include "tests/bench/bench_cluster.h"
#include "tests/bench/report.h"

namespace moa::bench {
namespace {

constexpr char kBase[] = R"(
moa:
  layers:
    - agents:
        - {name: a, model: gpt-oss-120b, temperature: 0.7, max_completion_tokens: 2500}
        - {name: b, model: gpt-oss-120b, temperature: 0.7, max_completion_tokens: 2500}
        - {name: c, model: gpt-oss-120b, temperature: 0.7, max_completion_tokens: 2500}
  aggregator: {model: gpt-oss-120b, temperature: 0.7, max_completion_tokens: 4000}
)";
constexpr int kBudgets[] = {16, 32, 64};
constexpr double kGoal = 115;
constexpr absl::Duration kPatience = absl::Minutes(10);

struct Method {
  const char* name;
  cluster::Args flags;
};

double NumberAt(const std::string& json, const std::string& key) {
  const size_t at = json.find(absl::StrCat("\"", key, "\":"));
  double value = 0;
  const size_t begin = at + key.size() + 3;
  if (at == std::string::npos ||
      !absl::SimpleAtod(json.substr(begin, json.find_first_of(",}", begin) - begin), &value)) {
    throw std::runtime_error(absl::StrCat("no ", key, " in ", json.substr(0, 300)));
  }
  return value;
}

// The mean of a job file's answers.
double TrueMean(cluster::MiniCluster& processes, const std::string& file) {
  const cluster::CommandResult run = processes.Moactl(
      {"challenge", "run", "-f", file, "-n", "24", "--seed", "900000000", "--parallel", "16", "-o",
       "json"},
      kPatience);
  return NumberAt(run.out, "mean");
}

void Measure(int64_t seed, Report& report) {
  BenchCluster cluster({.simulator = {"--time-scale", "0", "--seed", absl::StrCat(seed)},
                        .coordinator = {"--hedge=false"},
                        .worker = {"--slots", "64", "--grading-slots", "2"},
                        .workers = 1});
  cluster::MiniCluster& processes = cluster.processes();
  const std::string base = processes.JobFile("base.yaml", kBase);
  report.Add("base", "true mean, points", TrueMean(processes, base));
  const Method methods[] = {
      {"tuner", {}},
      {"without rewriting", {"--rewrite-every", "0"}},
      {"random search", {"--rewrite-every", "0", "--sampler", "random"}}};
  for (const Method& method : methods) {
    int reached = 128;
    for (const int budget : kBudgets) {
      const std::string best = processes.Path(absl::StrCat("best-", budget, ".yaml"));
      cluster::Args args = {"tune",   "-f",     base,      "--grader", "user-metrics",
                            "--trials", absl::StrCat(budget), "--parallel", "8",
                            "--models", "all",  "--seed",  absl::StrCat(seed),
                            "--out",  best,     "-o",      "json"};
      args.insert(args.end(), method.flags.begin(), method.flags.end());
      const cluster::CommandResult tuned = processes.Moactl(args, kPatience);
      if (tuned.status != 0) throw std::runtime_error(tuned.err);
      const double mean = TrueMean(processes, best);
      report.Add(method.name, absl::StrCat("true mean after ", budget, " runs, points"), mean);
      if (mean >= kGoal && reached == 128) reached = budget;
    }
    report.Add(method.name, "runs to 115", reached);
  }
}

Report MeasureAll(const Arguments& arguments) {
  Report report("tuner", "1 worker, simulator without delays, 8 trials at once");
  for (int64_t seed = 1; seed <= arguments.repeat; ++seed) Measure(seed, report);
  return report;
}

}  // namespace
}  // namespace moa::bench

int main(int argc, char** argv) {
  return moa::bench::RunBenchmark(argc, argv, {}, moa::bench::MeasureAll);
}
