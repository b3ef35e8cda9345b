#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string JsonProblems(absl::string_view text, const DocumentLimits& limits = {}) {
  Problems problems;
  const bool read = ReadJson(text, "f.json", problems, limits).has_value();
  EXPECT_EQ(read, problems.empty());
  return problems.ToString();
}

TEST(JsonReaderTest, KeepsKeysInOrderWithTheirPlacesAndQuoting) {
  Problems problems;
  const auto document =
      ReadJson("{\n  \"b\": 1.50,\n  \"a\" : [true, \"true\",\n null]\n}", "f.json", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  const Node& root = document->root;
  ASSERT_EQ(root.children.size(), 2u);
  EXPECT_EQ(root.children[0].text, "1.50");
  EXPECT_EQ(root.children[0].line, 2);
  EXPECT_EQ(root.children[0].column, 8);
  const Node& a = root.children[1];
  EXPECT_EQ(a.key_line, 3);
  EXPECT_EQ(a.key_column, 3);
  EXPECT_FALSE(a.children[0].quoted);
  EXPECT_TRUE(a.children[1].quoted);
  EXPECT_EQ(a.children[1].column, 16);
  EXPECT_TRUE(a.children[2].IsNull());
  EXPECT_EQ(a.children[2].line, 4);
}

TEST(JsonReaderTest, RefusesWhatJsonDoesNotHave) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "f.json:1:1: not valid JSON: the file is empty"},
      {"{\"a\": 1,}", "f.json:1:9: not valid JSON: a key in double quotes is expected here"},
      {"[1, 2,]", "f.json:1:7: not valid JSON: a value is expected here"},
      {"// x\n{}", "f.json:1:1: not valid JSON: a value is expected here"},
      {"{\"a\": /* x */ 1}", "f.json:1:7: not valid JSON: a value is expected here"},
      {"{'a': 1}", "f.json:1:2: not valid JSON: a key in double quotes"},
      {"{\"a\" 1}", "f.json:1:6: not valid JSON: a colon is expected"},
      {"{\"a\": 1\n \"b\": 2}", "f.json:2:2: not valid JSON: a comma or } is expected"},
      {"[1 2]", "f.json:1:4: not valid JSON: a comma or ] is expected"},
      {"{} {}", "f.json:1:4: not valid JSON: the value has ended"},
      {"[NaN]", "f.json:1:2: not valid JSON"},
      {"[01]", "f.json:1:3: not valid JSON"},
      {"[+1]", "f.json:1:2: not valid JSON"},
      {"[\"a\nb\"]", "f.json:1:4: not valid JSON: a line end or tab in a text"},
      {"[\"a", "f.json:1:4: not valid JSON: the text in double quotes is not closed"},
      {"[\"\\x\"]", "f.json:1:"},
      {"[\"\\ud83d\"]", "f.json:1:"},
      {"[\"\\ude00 \\ud83d\"]", "f.json:1:"},
      {"[\"\xC0\x80\"]", "f.json:1:3: the text is not well-formed UTF-8 here"},
  };
  for (const auto& [text, expected] : cases) {
    EXPECT_THAT(JsonProblems(text), StartsWith(expected)) << text;
  }
  EXPECT_THAT(JsonProblems(std::string("{}\0{}", 5)),
              StartsWith("f.json:1:3: a control character"));
}

TEST(JsonReaderTest, TakesNulsAndSurrogatePairsInEscapes) {
  Problems problems;
  const auto document = ReadJson("[\"a\\u0000b\", \"\\ud83d\\ude00\"]", "f.json", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ(document->root.children[0].text, std::string("a\0b", 3));
  EXPECT_EQ(document->root.children[1].text, "\xF0\x9F\x98\x80");
}

TEST(JsonReaderTest, ReportsEveryDuplicateKeyWithBothLines) {
  EXPECT_EQ(JsonProblems("{\"a\": [{\"b\": 1,\n\"b\": {}}],\n\"a\": 2, \"\\u0061\": 3}"),
            "f.json:2: a[0].b: the key is there twice (first in line 1)\n"
            "f.json:3: a: the key is there twice (first in line 1)\n"
            "f.json:3: a: the key is there twice (first in line 1)");
}

TEST(JsonReaderTest, RefusesDeepNestingWithoutExhaustingTheStack) {
  EXPECT_THAT(JsonProblems(std::string(1 << 20, '[')),
              StartsWith("f.json:1:65: nested more than 64 deep"));
}

TEST(JsonReaderTest, RefusesTooManyValues) {
  DocumentLimits limits;
  limits.nodes_max = 3;
  EXPECT_THAT(JsonProblems("[1,2,3]", limits), HasSubstr("more than 3 values"));
}

TEST(JsonReaderTest, IsChosenByTheNameOrTheFirstCharacter) {
  Problems problems;
  EXPECT_EQ(ReadDocument("{a: 1}", "x.yaml", problems)->format, Format::kYaml);
  EXPECT_EQ(ReadDocument(" {\"a\": 1}", "-", problems)->format, Format::kJson);
  EXPECT_EQ(ReadDocument("a: 1", "-", problems)->format, Format::kYaml);
  EXPECT_TRUE(problems.empty());
  EXPECT_FALSE(ReadDocument("a: 1", "x.JSON", problems).has_value());
}

}  // namespace
}  // namespace moa
