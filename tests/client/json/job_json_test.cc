#include "client/json/job_json.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client/json/yaml_text.h"
#include "common/document/document.h"
#include "common/document/file.h"
#include "common/jobfile/job_file.h"
#include "common/jobfile/presets.h"

namespace moa {
namespace {

std::string Source(const std::string& name) {
  return ReadFile(MOA_SOURCE_DIR "/" + name, 1 << 20).value();
}

v1::JobSpec Read(const std::string& text, const std::string& file) {
  Problems problems;
  const auto job = ReadJobFile(text, file, problems);
  EXPECT_TRUE(job.has_value()) << problems.ToString() << "\n" << text;
  return job ? job->spec : v1::JobSpec();
}

// What is said and what goes without saying are the same job.
v1::JobSpec WithDefaultsSaid(v1::JobSpec job) {
  const bool whole = job.preset().empty();
  for (v1::Layer& layer : *job.mutable_moa()->mutable_layers()) {
    if (whole && layer.cycles() == 0) layer.set_cycles(1);
    for (v1::Agent& agent : *layer.mutable_agents()) {
      if (agent.samples() == 1) agent.clear_samples();
    }
  }
  return job;
}

void ExpectReadBack(const v1::JobSpec& job) {
  const std::string json = JobSpecJson(job);
  const v1::JobSpec from_json = Read(json, "out.json");
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(WithDefaultsSaid(from_json),
                                                                 WithDefaultsSaid(job)))
      << json << "\n"
      << job.DebugString();
  EXPECT_EQ(JobSpecJson(from_json), json);
  Problems problems;
  const auto document = ReadJson(json, "out.json", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ(JobSpecJson(Read(YamlText(document->root), "out.yaml")), json);
}

class JobJsonTest : public testing::TestWithParam<const char*> {};

TEST_P(JobJsonTest, IsReadBackAsTheSameJob) {
  ExpectReadBack(Read(Source(GetParam()), GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Files, JobJsonTest,
                         testing::Values("tests/common/jobfile/data/good_full.yaml",
                                         "tests/common/jobfile/data/good_override.yaml",
                                         "tests/common/jobfile/data/good_small.json",
                                         "tests/common/jobfile/data/workshop_export.json",
                                         "tests/common/jobfile/data/workshop_flat.yaml",
                                         "tests/common/jobfile/data/workshop_split.json",
                                         "docs/examples/trip.yaml", "docs/examples/workshop.yaml"));

TEST(JobJsonTest, EveryPresetIsReadBack) {
  for (const v1::Preset& preset : ShippedPresets()) {
    SCOPED_TRACE(preset.name());
    v1::JobSpec job;
    *job.mutable_moa() = preset.moa();
    ExpectReadBack(job);
  }
}

TEST(JobJsonTest, ASingleQuestionIsThePrompt) {
  v1::JobSpec job;
  v1::Message* message = job.add_messages();
  message->set_role(v1::ROLE_USER);
  message->set_content("Why?");
  EXPECT_EQ(JobSpecJson(job), R"({"prompt":"Why?"})");
  message->set_name("eve");
  EXPECT_EQ(JobSpecJson(job), R"({"messages":[{"role":"user","name":"eve","content":"Why?"}]})");
}

TEST(JobJsonTest, ChangesToAPresetSayWhatTheyChangeAndNoMore) {
  const std::string json =
      R"({"preset":"ninja","moa":{"layers":[{"agents":[{},{"temperature":0.5}],)"
      R"("quorum":{"grace":"1s"}}]}})";
  EXPECT_EQ(JobSpecJson(Read(json, "in.json")), json);
}

TEST(JobJsonTest, ParametersThatAreNoSchemaStayText) {
  v1::JobSpec job;
  v1::Tool* tool = job.add_tools();
  tool->set_name("f");
  tool->set_parameters("{broken");
  EXPECT_EQ(JobSpecJson(job), R"({"tools":[{"name":"f","parameters":"{broken"}]})");
  tool->set_parameters("{\"type\":\n\"object\"}");
  EXPECT_EQ(JobSpecJson(job), R"({"tools":[{"name":"f","parameters":{"type":"object"}}]})");
}

}  // namespace
}  // namespace moa
