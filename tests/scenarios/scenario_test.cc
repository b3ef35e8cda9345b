// Golden scenarios: each *.txt beside this file is played and must come out as it is written.
// UPDATE_SCENARIOS=1 rewrites them: read the difference before you keep it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/scenarios/script.h"

namespace moa {
namespace {

std::vector<std::string> Scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(MOA_SOURCE_DIR "/tests/scenarios")) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

class ScenarioTest : public testing::TestWithParam<std::string> {};

TEST_P(ScenarioTest, ComesOutAsWritten) {
  const std::string path = MOA_SOURCE_DIR "/tests/scenarios/" + GetParam() + ".txt";
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  const auto played = Script::Play(written.str());
  ASSERT_TRUE(played.ok()) << path << ": " << played.status();
  if (std::getenv("UPDATE_SCENARIOS") != nullptr) {
    std::ofstream(path) << *played;
    return;
  }
  EXPECT_EQ(*played, written.str()) << path;
}

INSTANTIATE_TEST_SUITE_P(Scenarios, ScenarioTest, testing::ValuesIn(Scenarios()),
                         [](const auto& instance) { return instance.param; });

TEST(ScriptTest, ALineThatIsNoStatementIsNamed) {
  EXPECT_EQ(Script::Play("prompt \"x\"\n\nnonsense\n").status().message(),
            "line 3: no statement before start: nonsense");
  EXPECT_EQ(Script::Play("prompt \"x\n").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Script::Play("prompt \"x\"\nstart\ndispatch 9\n").status().message(),
            "line 3: no statement or no task: dispatch 9");
}

}  // namespace
}  // namespace moa
