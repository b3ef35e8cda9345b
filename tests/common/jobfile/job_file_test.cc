#include "common/jobfile/job_file.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/document/file.h"

namespace moa {
namespace {

using testing::HasSubstr;

std::string Data(const std::string& name) {
  return ReadFile(MOA_SOURCE_DIR "/tests/common/jobfile/data/" + name, 1 << 20).value();
}

// A file of data/ and beside it what it must be read as, a JobSpec or the list of its mistakes.
class GoodJobFileTest : public testing::TestWithParam<const char*> {};

TEST_P(GoodJobFileTest, IsReadAsTheJobBesideIt) {
  const std::string name = GetParam();
  Problems problems;
  const auto job = ReadJobFile(Data(name), name, problems);
  ASSERT_TRUE(job.has_value()) << problems.ToString();
  v1::JobSpec expected;
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      Data(name.substr(0, name.rfind('.')) + ".txt"), &expected));
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(job->spec, expected))
      << job->spec.DebugString();
}

INSTANTIATE_TEST_SUITE_P(Files, GoodJobFileTest,
                         testing::Values("good_full.yaml", "good_small.json",
                                         "good_override.yaml"));

class BadJobFileTest : public testing::TestWithParam<const char*> {};

TEST_P(BadJobFileTest, YieldsEveryMistakeBesideIt) {
  const std::string name = GetParam();
  Problems problems;
  EXPECT_FALSE(ReadJobFile(Data(name), name, problems).has_value());
  EXPECT_EQ(problems.ToString() + "\n", Data(name.substr(0, name.rfind('.')) + ".txt"));
}

INSTANTIATE_TEST_SUITE_P(Files, BadJobFileTest,
                         testing::Values("bad_everything.yaml", "bad_types.json", "bad_syntax.json",
                                         "bad_list.yaml", "bad_flow.yaml"));

TEST(JobFileTest, TellsWhereAFieldOfTheJobCameFrom) {
  Problems problems;
  const auto job = ReadJobFile(
      "prompt: hi\nmoa:\n  layers:\n    - agents:\n        - name: a\n          model: m\n"
      "  aggregator: {model: m}\n",
      "j.yaml", problems);
  ASSERT_TRUE(job.has_value()) << problems.ToString();
  EXPECT_EQ(job->Locate("moa.layers[0].agents[0].model", "unknown model").ToString(),
            "j.yaml:6: moa.layers[0].agents[0].model: unknown model");
  EXPECT_EQ(job->Locate("moa.layers[0].agents[0].top_p", "is too large").ToString(),
            "j.yaml:5: moa.layers[0].agents[0].top_p: is too large");
  EXPECT_EQ(job->Locate("messages[0].content", "is too long").ToString(),
            "j.yaml:1: prompt: is too long");
  EXPECT_EQ(job->Locate("", "is too large").ToString(), "j.yaml:1:1: is too large");
}

TEST(JobFileTest, TakesFiveMebibytesOfPrompt) {
  Problems problems;
  const std::string prompt(5 << 20, 'x');
  const auto job = ReadJobFile(absl::StrCat("{\"prompt\": \"", prompt, "\", \"preset\": \"moa\"}"),
                               "-", problems);
  ASSERT_TRUE(job.has_value()) << problems.ToString();
  EXPECT_EQ(job->spec.messages(0).content(), prompt);
}

// Limits on the number of agents are the coordinator's; reading them must not take forever.
TEST(JobFileTest, ReadsTenThousandAgents) {
  std::string text = "prompt: x\nmoa:\n  layers:\n  - agents:\n";
  for (int i = 0; i < 10'000; ++i) absl::StrAppend(&text, "    - {name: a", i, ", model: m}\n");
  absl::StrAppend(&text, "  aggregator: {model: m}\n");
  Problems problems;
  const auto job = ReadJobFile(text, "j.yaml", problems);
  ASSERT_TRUE(job.has_value()) << problems.ToString();
  EXPECT_EQ(job->spec.moa().layers(0).agents_size(), 10'000);
}

}  // namespace
}  // namespace moa
