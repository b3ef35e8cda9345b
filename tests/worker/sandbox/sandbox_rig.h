#pragma once

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/grading/evaluation.h"
#include "gtest/gtest.h"
#include "worker/sandbox/sandbox.h"

namespace moa {

std::ostream& operator<<(std::ostream& os, EvaluationOutcome::Kind kind);
std::ostream& operator<<(std::ostream& os, Evaluation::Kind kind);

namespace sandbox {

// For what ends by itself, however slow the machine is.
constexpr absl::Duration kPlenty = absl::Seconds(60);

// Each case runs with namespaces and without. Afterwards a normal program must still run.
class SandboxTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override;
  void TearDown() override;

  // Opens another sandbox with other limits; `use_namespaces` is the parameter's.
  void Reopen(Options options);

  // What `source` does when its f is called once for each of `calls`, without arguments when there are none.
  Evaluation Run(const std::string& source, std::vector<std::string> calls = {"[]"});

  // What the only call came to.
  EvaluationOutcome Call(const std::string& source, const std::string& arguments = "[]");

  std::unique_ptr<Sandbox> sandbox_;
};

std::string LayersName(const testing::TestParamInfo<bool>& info);

#define MOA_SANDBOX_SUITE(name)       \
  class name : public SandboxTest {}; \
  INSTANTIATE_TEST_SUITE_P(Layers, name, testing::Bool(), LayersName)

}  // namespace sandbox
}  // namespace moa
