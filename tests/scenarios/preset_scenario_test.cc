// Golden scenarios of the shipped presets: each presets/*.txt is played and must come out as it is written.
// UPDATE_SCENARIOS=1 rewrites them: read the difference before you keep it.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "common/jobfile/presets.h"
#include "coordinator/convert/convert.h"
#include "tests/scenarios/script.h"

namespace moa {
namespace {

std::vector<std::string> Scenarios() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(MOA_SOURCE_DIR "/tests/scenarios/presets")) {
    if (entry.path().extension() == ".txt" && entry.path().filename() != "CMakeLists.txt") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

Script::Presets Presets() {
  Script::Presets presets;
  for (v1::Preset preset : ShippedPresets()) {
    presets.emplace(preset.name(), MoaFromProto(preset.mutable_moa()));
  }
  return presets;
}

class PresetScenarioTest : public testing::TestWithParam<std::string> {};

TEST_P(PresetScenarioTest, ComesOutAsWritten) {
  const std::string path = MOA_SOURCE_DIR "/tests/scenarios/presets/" + GetParam() + ".txt";
  std::stringstream written;
  written << std::ifstream(path).rdbuf();
  const auto played = Script::Play(written.str(), Presets());
  ASSERT_TRUE(played.ok()) << path << ": " << played.status();
  if (std::getenv("UPDATE_SCENARIOS") != nullptr) {
    std::ofstream(path) << *played;
    return;
  }
  EXPECT_EQ(*played, written.str()) << path;
}

INSTANTIATE_TEST_SUITE_P(Presets, PresetScenarioTest, testing::ValuesIn(Scenarios()),
                         [](const auto& instance) {
                           std::string name = instance.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(PresetScenariosTest, EveryShippedPresetHasAScenario) {
  std::vector<std::string> names;
  for (const auto& [name, moa] : Presets()) names.push_back(name);
  EXPECT_EQ(names, Scenarios());
}

}  // namespace
}  // namespace moa
