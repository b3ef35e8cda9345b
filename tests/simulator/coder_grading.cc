#include "tests/simulator/coder_grading.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "common/grading/extract_code.h"
#include "common/grading/shipped_graders.h"
#include "worker/sandbox/sandbox.h"

namespace moa::simulator::coder {
namespace {

// One sandbox for each bound: to open one takes as long as to grade an answer.
const sandbox::Sandbox* SandboxFor(absl::Duration time_max) {
  static auto& opened = *new std::map<absl::Duration, std::unique_ptr<sandbox::Sandbox>>;
  if (opened[time_max] == nullptr) {
    auto sandbox = sandbox::Sandbox::Open({.time_max = time_max});
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    if (sandbox.ok()) opened[time_max] = *std::move(sandbox);
  }
  return opened[time_max].get();
}

}  // namespace

Grade GradeOf(const std::string& answer, absl::Duration time_max) {
  const Grader& grader = *FindShippedGrader("user-metrics");
  const sandbox::Sandbox* sandbox = SandboxFor(time_max);
  if (sandbox == nullptr) return {};
  const auto seen = sandbox->Run(grader.RequestFor(ExtractCode(answer, grader.function()).code));
  EXPECT_TRUE(seen.ok()) << seen.status();
  return seen.ok() ? grader.Score(*seen) : Grade{};
}

}  // namespace moa::simulator::coder
