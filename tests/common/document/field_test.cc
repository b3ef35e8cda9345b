#include "common/document/field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace moa {
namespace {

class FieldTest : public testing::Test {
 protected:
  Mapping Yaml(absl::string_view text) {
    document_ = ReadYaml(text, "f.yaml", problems_);
    return Mapping(Field::Root(*document_, problems_));
  }
  Mapping Json(absl::string_view text) {
    document_ = ReadJson(text, "f.json", problems_);
    return Mapping(Field::Root(*document_, problems_));
  }

  Problems problems_;
  std::optional<Document> document_;
};

TEST_F(FieldTest, ReadsEachType) {
  Mapping m = Yaml(
      "s: 2024\nb: true\nu: 18446744073709551615\nn: -1.5e1\nd: 1m30s\nl: [a, b]\none: x\nz: ~\n");
  EXPECT_EQ(m["s"].String(), "2024");
  EXPECT_EQ(m["b"].Bool(), true);
  EXPECT_EQ(m["u"].Unsigned(), 18446744073709551615u);
  EXPECT_EQ(m["n"].Number(), -15.0);
  EXPECT_EQ(m["d"].Duration(), absl::Seconds(90));
  EXPECT_EQ(m["l"].Items()[1].String(), "b");
  EXPECT_EQ(m["one"].ItemsOrScalar()[0].String(), "x");
  EXPECT_FALSE(m["z"].present());
  EXPECT_FALSE(m["missing"].String().has_value());
  m.ReportUnknown();
  EXPECT_TRUE(problems_.empty()) << problems_.ToString();
}

TEST_F(FieldTest, ReportsEveryWrongTypeWithPathAndLine) {
  Mapping m = Yaml(
      "s: [1]\nb: \"true\"\nb2: yes\nu: -1\nu2: 1.0\nu3: \"5\"\nn: .inf\nn2: 1e999\nd: 30\nd2: "
      "-3s\n"
      "d3: inf\nl: {a: 1}\nm: 3\nitems: [1, ~]\n");
  m["s"].String();
  m["b"].Bool();
  m["b2"].Bool();
  m["u"].Unsigned();
  m["u2"].Unsigned();
  m["u3"].Unsigned();
  m["n"].Number();
  m["n2"].Number();
  m["d"].Duration();
  m["d2"].Duration();
  m["d3"].Duration();
  m["l"].Items();
  EXPECT_FALSE(Mapping(m["m"])["x"].present());
  m["items"].Items();
  EXPECT_EQ(problems_.ToString(),
            "f.yaml:1: s: must be text, not a list\n"
            "f.yaml:2: b: must be true or false, not \"true\"\n"
            "f.yaml:3: b2: must be true or false, not \"yes\"\n"
            "f.yaml:4: u: must be at least 0, not -1\n"
            "f.yaml:5: u2: must be a whole number, not \"1.0\"\n"
            "f.yaml:6: u3: must be a whole number, not \"5\"\n"
            "f.yaml:7: n: must be a number, not \".inf\"\n"
            "f.yaml:8: n2: must be a number, not \"1e999\"\n"
            "f.yaml:9: d: needs a unit: write 30s for seconds\n"
            "f.yaml:10: d2: must be a duration as 30s or 500ms, not \"-3s\"\n"
            "f.yaml:11: d3: must be a duration as 30s or 500ms, not \"inf\"\n"
            "f.yaml:12: l: must be a list, not a mapping\n"
            "f.yaml:13: m: must be a mapping of fields, not a single value\n"
            "f.yaml:14: items[1]: is empty");
}

TEST_F(FieldTest, TakesOnlyQuotedTextAsTextInJson) {
  Mapping m = Json("{\"a\": 5, \"b\": \"5\", \"c\": null}");
  EXPECT_FALSE(m["a"].String().has_value());
  EXPECT_EQ(m["b"].String(), "5");
  EXPECT_FALSE(m["c"].String().has_value());
  EXPECT_EQ(problems_.ToString(), "f.json:1: a: must be text in double quotes, not 5");
}

TEST_F(FieldTest, SuggestsTheNearestKnownNameForAnUnknownField) {
  Mapping m = Yaml("temprature: 1\nTop-P: 1\nzzz: 1\nmodel: x\n");
  m["temperature"];
  m["top_p"];
  m["model"];
  m.ReportUnknown();
  EXPECT_EQ(problems_.ToString(),
            "f.yaml:1: temprature: unknown field; did you mean \"temperature\"?\n"
            "f.yaml:2: Top-P: unknown field; did you mean \"top_p\"?\n"
            "f.yaml:3: zzz: unknown field");
}

TEST_F(FieldTest, ReportsAMissingFieldAtTheMappingThatShouldHoldIt) {
  Mapping m = Yaml("a: 1\nlist:\n  - x: 1\n  - y: 1\n");
  for (const Field& item : m["list"].Items()) Mapping(item).Required("x");
  EXPECT_EQ(problems_.ToString(), "f.yaml:4: list[1].x: is missing");
}

TEST(NearestWordTest, KnowsTyposFromOtherWords) {
  EXPECT_EQ(NearestWord("agnets", {"agents", "cycles"}), "agents");
  EXPECT_EQ(NearestWord("maxCompletionTokens", {"max_completion_tokens"}), "max_completion_tokens");
  EXPECT_EQ(NearestWord("quorum", {"agents", "cycles"}), "");
  EXPECT_EQ(NearestWord("x", {"a"}), "");
  EXPECT_EQ(NearestWord("", {"a"}), "");
  EXPECT_EQ(NearestWord(std::string(100'000, 'a'), {"a"}), "");
}

TEST(ProblemsTest, ShowsTheFirstFiftyAndCountsTheRest) {
  Problems problems;
  for (int i = 1; i <= 60; ++i) problems.Add({"f", i, 1, "p", "bad"});
  EXPECT_EQ(problems.shown().size(), 50u);
  EXPECT_EQ(problems.total(), 60u);
  EXPECT_THAT(problems.ToString(), testing::EndsWith("f:50: p: bad\n… and 10 more"));
  EXPECT_EQ(problems.ToStatus().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Problems().ToStatus().ok());
}

// A mapping from names that the writer chose: its values in the order of the file.
TEST(FieldEntriesTest, GivesTheEntriesOfAMapping) {
  Problems problems;
  const auto document = ReadYaml("z: 1\na.b:\nc: {d: 2}\nlist: [x]\n", "e.yaml", problems);
  ASSERT_TRUE(document.has_value());
  const Field root = Field::Root(*document, problems);
  const std::vector<Field> entries = root.Entries();
  ASSERT_EQ(entries.size(), 4u);
  EXPECT_EQ(entries[0].node().key, "z");
  EXPECT_EQ(entries[0].path(), "z");
  EXPECT_FALSE(entries[1].present());
  EXPECT_EQ(entries[2].Entries().at(0).path(), "c.d");
  EXPECT_TRUE(entries[3].Entries().empty());
  EXPECT_TRUE(entries[1].Entries().empty());
  EXPECT_EQ(problems.ToString(),
            "e.yaml:2: a.b: is empty\ne.yaml:4: list: must be a mapping, not a list");
}

// A reader that forgives unknown fields still gets to know them.
TEST(MappingTest, ListsUnknownFieldsWithoutReportingThem) {
  Problems problems;
  const auto document = ReadYaml("name: x\nnme: y\n", "e.yaml", problems);
  ASSERT_TRUE(document.has_value());
  Mapping m(Field::Root(*document, problems));
  EXPECT_EQ(m["name"].String(), "x");
  const std::vector<Problem> unknown = m.Unknown();
  ASSERT_EQ(unknown.size(), 1u);
  EXPECT_EQ(unknown[0].ToString(), "e.yaml:2: nme: unknown field; did you mean \"name\"?");
  EXPECT_TRUE(problems.empty());
}

}  // namespace
}  // namespace moa
