#include "common/jobfile/workshop_file.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/document/file.h"
#include "common/document/json_text.h"
#include "common/jobfile/job_file.h"
#include "common/jobfile/workshop_agents.h"

namespace moa {
namespace {

using testing::HasSubstr;

std::string Data(const std::string& name) {
  return ReadFile(MOA_SOURCE_DIR "/tests/common/jobfile/data/" + name, 1 << 20).value();
}

JobFile Read(const std::string& text, const std::string& file) {
  Problems problems;
  auto job = ReadJobFile(text, file, problems);
  EXPECT_TRUE(job.has_value()) << problems.ToString();
  return job ? *std::move(job) : JobFile{};
}

// A file as the app writes it, beside it the job that it is read as and the warnings that it gets.
class WorkshopFileTest : public testing::TestWithParam<const char*> {};

TEST_P(WorkshopFileTest, IsReadAsTheJobBesideItWithTheWarningsBesideIt) {
  const std::string name = GetParam();
  const std::string stem = name.substr(0, name.rfind('.'));
  const JobFile job = Read(Data(name), name);
  v1::JobSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(Data(stem + ".txt"), &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(job.spec, expected))
      << job.spec.DebugString();
  const std::string warnings = job.warnings.ToString();
  EXPECT_EQ(warnings.empty() ? "" : warnings + "\n", Data(stem + ".warnings"));
}

INSTANTIATE_TEST_SUITE_P(Files, WorkshopFileTest,
                         testing::Values("workshop_export.json", "workshop_export_12.json",
                                         "workshop_flat.yaml", "workshop_split.json"));

class BadWorkshopFileTest : public testing::TestWithParam<const char*> {};

TEST_P(BadWorkshopFileTest, YieldsEveryMistakeBesideIt) {
  const std::string name = GetParam();
  Problems problems;
  EXPECT_FALSE(ReadJobFile(Data(name), name, problems).has_value());
  EXPECT_EQ(problems.ToString() + "\n", Data(name.substr(0, name.rfind('.')) + ".txt"));
}

INSTANTIATE_TEST_SUITE_P(Files, BadWorkshopFileTest,
                         testing::Values("bad_workshop_export.json", "bad_workshop_flat.yaml",
                                         "bad_workshop_twice.json", "bad_workshop_split.yaml"));

// Our own files with a mistake must not be taken for the app's, which forgives unknown fields.
TEST(WorkshopShapeTest, FilesOfOurOwnAreNeverTakenForTheApps) {
  const auto is_workshop = [](const std::string& yaml) {
    Problems problems;
    const auto document = ReadYaml(yaml, "j.yaml", problems);
    return document && IsWorkshopFile(*document);
  };
  EXPECT_FALSE(is_workshop("prompt: x\nmodel: m\npreset: moa"));
  EXPECT_FALSE(is_workshop("prompt: x\nmain_model: m\nmoa: {}"));
  EXPECT_FALSE(is_workshop("prompt: x\nlayers: [{agents: []}]\naggregator: {model: m}"));
  EXPECT_FALSE(is_workshop("prompt: x\nlayers: [{agents: []}]"));
  EXPECT_FALSE(is_workshop("model: m\nmessages: []"));
  EXPECT_FALSE(is_workshop("prompt: x"));
  EXPECT_FALSE(is_workshop("[ai_configuration]"));
  EXPECT_TRUE(is_workshop("ai_configuration:"));
  EXPECT_TRUE(is_workshop("layers: {a: {model_name: m}}"));
  EXPECT_TRUE(is_workshop("model: m"));
}

TEST(WorkshopNamesTest, BecomeNamesThatAJobMayHave) {
  EXPECT_EQ(JobAgentName("Bug hunter-2_a.b"), "Bug hunter-2_a.b");
  EXPECT_EQ(JobAgentName("  a/b\tc\xC3\xA9 "), "a_b_c_");
  EXPECT_EQ(JobAgentName(std::string(70, 'x')), std::string(64, 'x'));
  EXPECT_EQ(JobAgentName(std::string(63, 'x') + " y"), std::string(63, 'x'));
  EXPECT_EQ(JobAgentName(std::string("a\0b", 3)), "a_b");
  EXPECT_EQ(JobAgentName("\xE2\x9C\x93"), "");
  EXPECT_EQ(JobAgentName(""), "");
}

// Two names may become the same one, and that one may be there already.
TEST(WorkshopNamesTest, StayDifferentWhenTheyAreReplaced) {
  const JobFile job = Read(
      "main_model: m\nsystem_prompt: '{helper_response}'\ncycles: 1\nagents:\n"
      "  a/b: {model: m}\n  a_b: {model: m}\n  a+b: {model: m}\n  '!!': {model: m}\n",
      "w.yaml");
  std::vector<std::string> names;
  for (const v1::Agent& agent : job.spec.moa().layers(0).agents()) names.push_back(agent.name());
  EXPECT_THAT(names, testing::ElementsAre("a_b-2", "a_b", "a_b-3", "agent-4"));
  EXPECT_EQ(job.warnings.total(), 3u);
}

// The forms are the same in YAML and in JSON, and each of the names does.
TEST(WorkshopFormsTest, AnyNameOfAThingDoesInAnyForm) {
  for (const char* model : {"main_model", "model", "primary_model", "main"}) {
    for (const char* prompt : {"system_prompt", "prompt", "system"}) {
      for (const char* tokens : {"max_tokens", "max_length", "context_length"}) {
        const std::string fields =
            absl::StrCat("{\"", model, "\": \"m\", \"", prompt, "\": \"{helper_response}\", \"",
                         tokens, "\": 9, \"cycles\": 2");
        const std::string agents = absl::StrCat("{\"a\": {\"model_name\": \"n\", \"", prompt,
                                                "\": \"{helper_response}\"}}");
        const std::string flat = absl::StrCat(fields, ", \"layers\": ", agents, "}");
        const std::string files[] = {
            flat, absl::StrCat("{\"ai_configuration\": ", flat, "}"),
            absl::StrCat("{\"main_config\": ", fields, "}, \"layer_config\": ", agents, "}")};
        for (const std::string& file : files) {
          for (const char* name : {"w.json", "w.yaml"}) {
            const JobFile job = Read(file, name);
            EXPECT_TRUE(job.warnings.empty()) << job.warnings.ToString();
            EXPECT_EQ(job.spec.moa().aggregator().model(), "m") << file;
            EXPECT_EQ(job.spec.moa().aggregator().max_completion_tokens(), 9u) << file;
            EXPECT_EQ(job.spec.moa().layers(0).cycles(), 2u) << file;
            EXPECT_EQ(job.spec.moa().layers(0).agents(0).system_prompt(), "{helper_response}");
          }
        }
      }
    }
  }
}

// What the app would run with agents of its own is a plain call here.
TEST(WorkshopFormsTest, WithoutAgentsItIsAPlainCall) {
  for (const char* agents : {"[]", "{}", "null"}) {
    const JobFile job =
        Read(absl::StrCat("{\"main_model\": \"m\", \"cycles\": 3, \"layer_agent_config\": ", agents,
                          "}"),
             "w.json");
    EXPECT_EQ(job.spec.moa().layers_size(), 0) << agents;
    EXPECT_TRUE(job.warnings.empty()) << job.warnings.ToString();
  }
}

TEST(WorkshopOriginTest, TellsWhereAFieldOfTheJobCameFrom) {
  const JobFile job = Read(Data("workshop_flat.yaml"), "w.yaml");
  EXPECT_EQ(job.Locate("moa.aggregator.model", "unknown model").ToString(),
            "w.yaml:2: model: unknown model");
  EXPECT_EQ(job.Locate("moa.layers[0].agents[1].model", "unknown model").ToString(),
            "w.yaml:21: layer_agent_config.critic v1.5.model: unknown model");
  EXPECT_EQ(job.Locate("moa.layers[0].agents[1].stop[0]", "is empty").ToString(),
            "w.yaml:19: layer_agent_config.critic v1.5: is empty");
  EXPECT_EQ(job.Locate("moa.layers[0].agents[0].seed", "is too large").ToString(),
            "w.yaml:13: layer_agent_config.planner: is too large");
  EXPECT_EQ(job.Locate("moa.layers[0].cycles", "is 3").ToString(), "w.yaml:4: cycles: is 3");
  EXPECT_THAT(job.Locate("moa.layers[0].agents[12].model", "x").ToString(),
              HasSubstr("layer_agent_config: x"));
}

// Whatever is cut off, a reader says so or reads what is there.
TEST(WorkshopRobustnessTest, SurvivesFilesCutAtAnyByte) {
  for (const char* name : {"workshop_export.json", "workshop_flat.yaml", "workshop_split.json"}) {
    const std::string whole = Data(name);
    for (size_t size = 0; size < whole.size(); ++size) {
      Problems problems;
      const auto job = ReadJobFile(whole.substr(0, size), name, problems);
      EXPECT_EQ(job.has_value(), problems.empty()) << name << " cut at " << size;
    }
  }
}

std::vector<Node*> AllNodes(Node& root) {
  std::vector<Node*> nodes = {&root};
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (Node& child : nodes[i]->children) nodes.push_back(&child);
  }
  return nodes;
}

// Each value in turn is replaced by one of every type.
TEST(WorkshopRobustnessTest, SurvivesAnyTypeAnywhere) {
  const std::vector<std::string> values = {"null",
                                           "true",
                                           "-1",
                                           "1e300",
                                           "99999999999999999999",
                                           "\"\"",
                                           "\"x\"",
                                           "[]",
                                           "[null, [{}]]",
                                           "{}",
                                           "{\"name\": {\"a\": null}, \"model\": []}"};
  for (const char* name : {"workshop_export.json", "workshop_flat.yaml", "workshop_split.json"}) {
    Problems problems;
    const auto document = ReadDocument(Data(name), name, problems);
    ASSERT_TRUE(document.has_value());
    Document copy = *document;
    const size_t count = AllNodes(copy.root).size();
    for (size_t i = 0; i < count; ++i) {
      for (const std::string& value : values) {
        copy = *document;
        Node& node = *AllNodes(copy.root)[i];
        const std::string key = node.key;
        node = ReadJson(value, "v.json", problems)->root;
        node.key = key;
        Problems found;
        const auto job = ReadJobFile(ToJson(copy.root), "w.json", found);
        EXPECT_EQ(job.has_value(), found.empty()) << name << " " << ToJson(copy.root);
        ReadWorkshopFile(copy, found);
      }
    }
  }
}

TEST(WorkshopRobustnessTest, ReadsTenThousandAgents) {
  std::string text = "main_model: m\ncycles: 1\nsystem_prompt: '{helper_response}'\nagents:\n";
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&text, "  'a/", i, "': {model: m}\n");
  const JobFile job = Read(text, "w.yaml");
  EXPECT_EQ(job.spec.moa().layers(0).agents_size(), 10'000);
  EXPECT_EQ(job.warnings.total(), 10'000u);
}

}  // namespace
}  // namespace moa
