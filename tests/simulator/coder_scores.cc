#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "simulator/model_table.h"
#include "tests/simulator/coder_grading.h"
#include "tests/simulator/coder_rig.h"

// Prints how configurations score over many seeds: what docs/simulator-coder.md quotes. By the grader in the sandbox, or
// by what the fragments are meant to do, which is faster. Each seed is that of the calls and of the simulator, or the
// simulator has one of its own.
//
//   moa_coder_scores [SEEDS [graded|intended [SIMULATOR_SEED]]]

namespace moa::simulator::coder {
namespace {

void Print(const char* name, const Mixture& mixture, int64_t seeds, bool intended,
           std::optional<uint64_t> simulator) {
  std::vector<int> totals;
  double sum = 0;
  int perfect = 0;
  int spoilt = 0;
  for (int64_t seed = 1; seed <= seeds; ++seed) {
    const auto number = static_cast<uint64_t>(seed);
    const int total = intended ? TotalOf(ProgramOf(mixture, number, simulator))
                               : GradeOf(AnswerOf(mixture, number, simulator)).total;
    totals.push_back(total);
    sum += total;
    perfect += total == 120 ? 1 : 0;
    spoilt += total <= 2 ? 1 : 0;
  }
  std::sort(totals.begin(), totals.end());
  const auto at = [&](size_t quarter) { return totals[(totals.size() - 1) * quarter / 4]; };
  std::printf(
      "%-46s mean %6.1f  min %3d  quartiles %3d %3d %3d  max %3d  120: %4.1f%%  spoilt: %4.1f%%\n",
      name, sum / static_cast<double>(seeds), at(0), at(1), at(2), at(3), at(4),
      100.0 * perfect / static_cast<double>(seeds), 100.0 * spoilt / static_cast<double>(seeds));
  std::fflush(stdout);
}

}  // namespace
}  // namespace moa::simulator::coder

int main(int argc, char** argv) {
  using namespace moa::simulator;
  const int64_t seeds = argc > 1 ? std::max(1L, std::atol(argv[1])) : 100;
  const bool intended = argc > 2 && std::string(argv[2]) == "intended";
  std::optional<uint64_t> simulator;
  if (argc > 3) simulator = static_cast<uint64_t>(std::atol(argv[3]));
  for (const Model& model : Models()) {
    coder::Print((std::string("single, plain: ") + model.id).c_str(),
                 {.aggregator = {.model = model.id, .temperature = 0.7}}, seeds, intended,
                 simulator);
  }
  for (const coder::NamedMixture& named : coder::DocumentedMixtures()) {
    coder::Print(named.name, named.mixture, seeds, intended, simulator);
  }
  return 0;
}
