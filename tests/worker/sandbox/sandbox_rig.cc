#include "tests/worker/sandbox/sandbox_rig.h"

#include <utility>

namespace moa {

std::ostream& operator<<(std::ostream& os, EvaluationOutcome::Kind kind) {
  constexpr const char* kNames[] = {"not run", "returned", "raised", "timeout", "killed"};
  return os << kNames[static_cast<int>(kind)];
}

std::ostream& operator<<(std::ostream& os, Evaluation::Kind kind) {
  constexpr const char* kNames[] = {"loaded", "not Python", "no function",
                                    "raised", "timeout",    "killed"};
  return os << kNames[static_cast<int>(kind)];
}

namespace sandbox {

void SandboxTest::SetUp() { Reopen({.time_max = kPlenty}); }

void SandboxTest::TearDown() {
  if (sandbox_ == nullptr) return;
  const EvaluationOutcome normal = Call("def f(a, b):\n  return {'sum': a + b}", "[2, 3]");
  EXPECT_EQ(normal.kind, EvaluationOutcome::Kind::kReturned) << normal.error;
  EXPECT_EQ(normal.value, "{\"sum\":5}");
}

void SandboxTest::Reopen(Options options) {
  options.use_namespaces = GetParam();
  absl::StatusOr<std::unique_ptr<Sandbox>> opened = Sandbox::Open(options);
  ASSERT_TRUE(opened.ok()) << opened.status();
  sandbox_ = *std::move(opened);
  if (GetParam() && !sandbox_->has_namespaces()) {
    sandbox_.reset();
    GTEST_SKIP() << "this system permits no namespaces";
  }
}

Evaluation SandboxTest::Run(const std::string& source, std::vector<std::string> calls) {
  EvaluationRequest request = {source, "f", {}};
  for (std::string& call : calls) request.calls.push_back({std::move(call)});
  absl::StatusOr<Evaluation> seen = sandbox_->Run(request);
  EXPECT_TRUE(seen.ok()) << seen.status();
  if (!seen.ok()) return {.calls = std::vector<EvaluationOutcome>(request.calls.size())};
  EXPECT_EQ(seen->calls.size(), request.calls.size());
  return *std::move(seen);
}

EvaluationOutcome SandboxTest::Call(const std::string& source, const std::string& arguments) {
  const Evaluation seen = Run(source, {arguments});
  EXPECT_EQ(seen.kind, Evaluation::Kind::kLoaded) << seen.error;
  return seen.calls.at(0);
}

std::string LayersName(const testing::TestParamInfo<bool>& info) {
  return info.param ? "Namespaces" : "NoNamespaces";
}

}  // namespace sandbox
}  // namespace moa
