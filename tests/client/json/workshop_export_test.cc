#include "client/json/workshop_export.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/document/file.h"
#include "common/jobfile/job_file.h"
#include "common/jobfile/presets.h"

namespace moa {
namespace {

v1::JobSpec JobIn(const std::string& text, const std::string& file) {
  Problems problems;
  const auto job = ReadJobFile(text, file, problems);
  EXPECT_TRUE(job.has_value()) << problems.ToString() << "\n" << text;
  return job ? job->spec : v1::JobSpec();
}

std::vector<std::string> PathsOf(const Problems& notes) {
  std::vector<std::string> paths;
  for (const Problem& note : notes.shown()) paths.push_back(note.path);
  return paths;
}

using Paths = std::vector<std::string>;

TEST(WorkshopExportTest, AWorkshopsFileComesBackAsTheSameJob) {
  for (const char* name : {"workshop_export.json", "workshop_export_12.json"}) {
    SCOPED_TRACE(name);
    const std::string text =
        ReadFile(MOA_SOURCE_DIR "/tests/common/jobfile/data/" + std::string(name), 1 << 20).value();
    v1::JobSpec job = JobIn(text, name);
    job.clear_messages();
    const WorkshopExport exported = ExportWorkshop(job, "2026-01-02T03:04:05");
    ASSERT_NE(exported.json, "");
    const v1::JobSpec again = JobIn(exported.json, "again.json");
    EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(again, job))
        << exported.json << job.DebugString();
    EXPECT_EQ(ExportWorkshop(again, "2026-01-02T03:04:05").json, exported.json);
  }
}

TEST(WorkshopExportTest, HasTheAppsFields) {
  const v1::JobSpec job = JobIn(R"(
name: mine
moa:
  references: {placement: system, first_number: 0}
  layers:
    - cycles: 2
      agents: [{name: a, model: m, temperature: 0.5, system_prompt: "Go. {helper_response}"}]
  aggregator: {model: n, temperature: 0.25, system_prompt: "Merge. {helper_response}"}
)",
                                "in.yaml");
  const WorkshopExport exported = ExportWorkshop(job, "2026-01-02T03:04:05");
  EXPECT_EQ(PathsOf(exported.notes), Paths());
  EXPECT_EQ(exported.json, R"({
  "ai_configuration": {
    "main_model": "n",
    "main_temperature": 0.25,
    "cycles": 2,
    "system_prompt": "Merge. {helper_response}",
    "layer_agents": [
      {
        "name": "a",
        "model": "m",
        "temperature": 0.5,
        "prompt": "Go. {helper_response}"
      }
    ]
  },
  "exported_at": "2026-01-02T03:04:05",
  "version": "2.0",
  "description": "mine"
}
)");
}

TEST(WorkshopExportTest, ShapesThatTheAppDoesNotHaveAreNotExported) {
  const auto refused = [](const std::string& text) {
    const WorkshopExport exported = ExportWorkshop(JobIn(text, "in.yaml"), "");
    EXPECT_EQ(exported.json, "") << text;
    return PathsOf(exported.notes);
  };
  EXPECT_EQ(refused("preset: moa"), Paths{"preset"});
  EXPECT_EQ(refused("prompt: x"), Paths{"moa"});
  const std::string layer = "{agents: [{name: a, model: m}]}";
  EXPECT_EQ(refused("moa: {layers: [" + layer + ", " + layer + "], aggregator: {model: m}}"),
            Paths{"moa.layers[1]"});
  EXPECT_EQ(refused("moa: {layers: [" + layer + "], answer: best}"), Paths{"moa.answer"});
}

TEST(WorkshopExportTest, SaysWhatIsLeftOutAndWhatIsPutOtherwise) {
  const v1::JobSpec job = JobIn(R"(
prompt: Why?
deadline: 30s
moa:
  references: {shuffle: true}
  layers:
    - agents:
        - {name: a, model: m, samples: 3, temperature: 1, top_p: 0.5}
        - {name: a 2, model: m, temperature: 1, system_prompt: "{helper_response}"}
      quorum: {min: 2}
  aggregator: {model: m, temperature: 0, system_prompt: Merge.}
)",
                                "in.yaml");
  const WorkshopExport exported = ExportWorkshop(job, "");
  EXPECT_EQ(PathsOf(exported.notes),
            (Paths{"deadline", "prompt", "moa.references.first_number", "moa.references.shuffle",
                   "moa.layers[0].quorum", "moa.aggregator.system_prompt",
                   "moa.layers[0].agents[0].top_p", "moa.layers[0].agents[0].samples",
                   "moa.layers[0].agents[1].system_prompt"}));
  const v1::JobSpec again = JobIn(exported.json, "again.json");
  ASSERT_EQ(again.moa().layers(0).agents_size(), 4);
  const Paths names = {"a", "a 3", "a 4", "a 2"};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(again.moa().layers(0).agents(i).name(), names[i]);
  EXPECT_EQ(again.moa().aggregator().system_prompt(), "Merge.\n\n{helper_response}");
}

TEST(WorkshopExportTest, NoAgentsAreAPlainCall) {
  const WorkshopExport exported =
      ExportWorkshop(JobIn("moa: {aggregator: {model: m, temperature: 1}}", "in.yaml"), "");
  EXPECT_EQ(PathsOf(exported.notes), Paths());
  const v1::JobSpec again = JobIn(exported.json, "again.json");
  EXPECT_EQ(again.moa().layers_size(), 0);
  EXPECT_EQ(again.moa().aggregator().model(), "m");
}

TEST(WorkshopExportTest, WhatIsExportedIsAlwaysRead) {
  int exported_count = 0;
  for (const v1::Preset& preset : ShippedPresets()) {
    v1::JobSpec job;
    *job.mutable_moa() = preset.moa();
    const WorkshopExport exported = ExportWorkshop(job, "2026-01-02T03:04:05");
    EXPECT_EQ(exported.json.empty(), preset.moa().layers_size() > 1 || preset.moa().best_answer())
        << preset.name();
    if (exported.json.empty()) continue;
    ++exported_count;
    JobIn(exported.json, "again.json");
  }
  EXPECT_GE(exported_count, 4);
}

}  // namespace
}  // namespace moa
