#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"

namespace moa {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string YamlProblems(absl::string_view text, const DocumentLimits& limits = {}) {
  Problems problems;
  const bool read = ReadYaml(text, "f.yaml", problems, limits).has_value();
  EXPECT_EQ(read, problems.empty());
  return problems.ToString();
}

TEST(YamlReaderTest, KeepsKeysInOrderWithTheirPlacesAndQuoting) {
  Problems problems;
  const auto document =
      ReadYaml("b: 1\na: \"2\"\nc:\n  - x\n  - {k: 'v'}\nd: |\n  block\n", "f.yaml", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  const Node& root = document->root;
  ASSERT_EQ(root.children.size(), 4u);
  EXPECT_EQ(root.children[0].key, "b");
  EXPECT_FALSE(root.children[0].quoted);
  EXPECT_EQ(root.children[1].key, "a");
  EXPECT_TRUE(root.children[1].quoted);
  EXPECT_EQ(root.children[1].line, 2);
  EXPECT_EQ(root.children[1].column, 4);
  EXPECT_EQ(root.children[2].key_line, 3);
  EXPECT_EQ(root.children[2].children[1].line, 5);
  EXPECT_EQ(root.children[2].children[1].Find("k")->text, "v");
  EXPECT_TRUE(root.children[3].quoted);
  EXPECT_EQ(root.children[3].text, "block\n");
}

TEST(YamlReaderTest, FindsThePlaceOfAPathOrTheNearestOneAboveIt) {
  Problems problems;
  const auto document = ReadYaml("moa:\n  layers:\n  - agents:\n    - {name: a}\n    - name: b\n",
                                 "f.yaml", problems);
  ASSERT_TRUE(document.has_value());
  EXPECT_EQ(document->Nearest("moa.layers[0].agents[1].name").text, "b");
  EXPECT_EQ(document->Nearest("moa.layers[0].agents[1].model").line, 5);
  EXPECT_EQ(document->Nearest("moa.layers[7].agents[1]").key, "layers");
  EXPECT_EQ(document->Nearest("nothing[[").line, 1);
  EXPECT_EQ(document->Nearest("").line, 1);
}

TEST(YamlReaderTest, ReportsEveryDuplicateKeyWithBothLines) {
  EXPECT_EQ(YamlProblems("a: 1\nb:\n  - {c: 1, c: 2}\na: 3\n"),
            "f.yaml:3: b[0].c: the key is there twice (first in line 3)\n"
            "f.yaml:4: a: the key is there twice (first in line 1)");
}

TEST(YamlReaderTest, PutsAliasesInPlace) {
  Problems problems;
  const auto document = ReadYaml("a: &x {k: 1}\nb: *x\n", "f.yaml", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ(document->root.Find("b")->Find("k")->text, "1");
  EXPECT_EQ(document->root.Find("b")->line, 2);
}

// Nine levels of ten aliases each would be a thousand million values.
TEST(YamlReaderTest, StopsAnAliasBombAtTheLimits) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    absl::StrAppend(&bomb, "a", i, ": &a", i, " [");
    for (int j = 0; j < 10; ++j) absl::StrAppend(&bomb, j > 0 ? ", " : "", "*a", i - 1);
    absl::StrAppend(&bomb, "]\n");
  }
  EXPECT_THAT(YamlProblems(bomb), HasSubstr("more than 200000 values"));

  std::string fat = absl::StrCat("a: &a ", std::string(1 << 20, 'x'), "\nb:\n");
  for (int i = 0; i < 100; ++i) absl::StrAppend(&fat, "- *a\n");
  EXPECT_THAT(YamlProblems(fat), HasSubstr("bytes of text"));

  std::string deep = "a0: &a0 [x]\n";
  for (int i = 1; i < 100; ++i) {
    absl::StrAppend(&deep, "a", i, ": &a", i, " [*a", i - 1, "]\n");
  }
  EXPECT_THAT(YamlProblems(deep), HasSubstr("nested more than 64 deep by aliases"));
}

TEST(YamlReaderTest, RefusesAnAliasToWhatHoldsIt) {
  EXPECT_THAT(YamlProblems("a: &x\n  - *x\n"), StartsWith("f.yaml:2:5: the alias stands inside"));
}

TEST(YamlReaderTest, RefusesASecondDocument) {
  EXPECT_THAT(YamlProblems("a: 1\n---\nb: 2\n"), HasSubstr("only one document"));
}

TEST(YamlReaderTest, RefusesDeepNestingWithoutExhaustingTheStack) {
  EXPECT_THAT(YamlProblems(std::string(1000, '[') + std::string(1000, ']')),
              HasSubstr("nested more than 64 deep"));
  EXPECT_NE(YamlProblems(std::string(100'000, '[')), "");
  EXPECT_NE(YamlProblems(std::string(100'000, '{')), "");
  std::string block;
  for (int i = 0; i < 100; ++i) absl::StrAppend(&block, std::string(i, ' '), "k:\n");
  EXPECT_THAT(YamlProblems(block), HasSubstr("nested more than 64 deep"));
}

TEST(YamlReaderTest, RefusesWhatIsTooLarge) {
  DocumentLimits limits;
  limits.size_max_bytes = 10;
  EXPECT_EQ(YamlProblems("a: 3456789\n", limits),
            "f.yaml: the file has 11 bytes; at most 10 are read");
}

TEST(YamlReaderTest, SaysWhereTheTextIsNotUtf8OrHoldsControlCharacters) {
  EXPECT_THAT(YamlProblems("a: b\nc: d\xFFz\n"),
              StartsWith("f.yaml:2:5: the text is not well-formed"));
  EXPECT_THAT(YamlProblems(std::string("a: b\nc: \0z\n", 11)),
              StartsWith("f.yaml:2:4: a control character (byte 0x00)"));
  // yaml-cpp alone takes byte 4 for the end of the file.
  EXPECT_THAT(YamlProblems("a: b\n\x04\nc: d\n"), StartsWith("f.yaml:2:1: a control character"));
  EXPECT_THAT(YamlProblems(std::string("\xFF\xFE"
                                       "a\0",
                                       4)),
              HasSubstr("UTF-16"));
}

TEST(YamlReaderTest, TakesAByteOrderMarkAndEscapedNuls) {
  Problems problems;
  const auto document = ReadYaml(
      "\xEF\xBB\xBF"
      "a: \"x\\0y \\U0001F600\"\n",
      "f.yaml", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ(document->root.Find("a")->text, std::string("x\0y \xF0\x9F\x98\x80", 8));
}

TEST(YamlReaderTest, SaysWhereTheSyntaxIsWrong) {
  EXPECT_THAT(YamlProblems("a: [1, 2\nb: 3\n"), StartsWith("f.yaml:2:"));
  EXPECT_THAT(YamlProblems("a: \"x\n"), HasSubstr("not valid YAML"));
  EXPECT_THAT(YamlProblems("a: 'x\ny"), HasSubstr("not valid YAML"));
  EXPECT_EQ(YamlProblems("a: x\n...\n"), "");
  EXPECT_EQ(YamlProblems(""), "f.yaml:1:1: the file is empty");
  EXPECT_EQ(YamlProblems("# nothing\n"), "f.yaml:1:1: the file is empty");
  EXPECT_THAT(YamlProblems("? [a]\n: b\n"), HasSubstr("a key must be plain text"));
  EXPECT_THAT(YamlProblems("a: !!python/object x\n"), HasSubstr("is not supported"));
}

TEST(YamlReaderTest, ReadsFiveMebibytesOfPrompt) {
  Problems problems;
  const std::string prompt(5 << 20, 'p');
  const auto document = ReadYaml(absl::StrCat("prompt: \"", prompt, "\"\n"), "f.yaml", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ(document->root.Find("prompt")->text.size(), prompt.size());
}

}  // namespace
}  // namespace moa
