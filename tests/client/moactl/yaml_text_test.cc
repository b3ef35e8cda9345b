#include "client/json/yaml_text.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/document/document.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

Node Text(const std::string& text, const std::string& key = "") {
  Node node;
  node.text = text;
  node.quoted = true;
  node.key = key;
  return node;
}

Node Collection(NodeKind kind, std::vector<Node> children, const std::string& key = "") {
  Node node;
  node.kind = kind;
  node.children = std::move(children);
  node.key = key;
  return node;
}

void ExpectReadBack(const Node& node) {
  const std::string yaml = YamlText(node);
  Problems problems;
  const auto document = ReadYaml(yaml, "out.yaml", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString() << "\n" << yaml;
  EXPECT_EQ(ToJson(document->root), ToJson(node)) << yaml;
}

TEST(YamlTextTest, WritesBlocks) {
  Problems problems;
  const auto document =
      ReadJson(R"({"moa": {"layers": [{"cycles": 1, "agents": [{"name": "a b", "stop": ["x", "1"],)"
               R"( "system_prompt": "Two\n\n  lines."}, {}]}], "none": [], "flag": true}})",
               "in.json", problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ("\n" + YamlText(document->root), R"(
moa:
  layers:
    - cycles: 1
      agents:
        - name: a b
          stop:
            - x
            - "1"
          system_prompt: |-
            Two

              lines.
        - {}
  none: []
  flag: true
)");
}

// In each place where a text can stand, alone and before another value.
TEST(YamlTextTest, TextsOfEveryKindAreReadBackAsTheyWere) {
  for (const std::string& text : std::vector<std::string>{"",
                                                          " ",
                                                          "a ",
                                                          "\n",
                                                          "a\n",
                                                          "a\n\n",
                                                          "\na",
                                                          " a\nb",
                                                          "\ta\nb",
                                                          "a\n b\n",
                                                          "a\n \nb",
                                                          "a\n\n\nb",
                                                          "a\n\tb",
                                                          "a\tb",
                                                          "a\r\nb",
                                                          "a: b",
                                                          "a #b",
                                                          "- a",
                                                          "# a\nb",
                                                          "- a\n- b",
                                                          "a:\n  b",
                                                          "---\na",
                                                          "a\n---\nb",
                                                          "a\n...\nb",
                                                          "%a\nb",
                                                          "true",
                                                          "No",
                                                          "null",
                                                          "~",
                                                          "1",
                                                          "1e5",
                                                          "0x1F",
                                                          ".inf",
                                                          "12:30:45",
                                                          "2026-11-26",
                                                          "{helper_response}\n[a, b]",
                                                          "*a",
                                                          "&a",
                                                          "!a",
                                                          "|\na",
                                                          "\"a\"\n'b'",
                                                          "back\\slash\n\\n",
                                                          std::string("nul \0\nb", 7),
                                                          "\x1b[31m\nred",
                                                          "del \x7F\nb",
                                                          "\xC2\x85 next line\nb",
                                                          "\xE2\x80\xA8 separator\nb",
                                                          "\xEF\xBB\xBF mark\nb",
                                                          "\xF0\x9F\x98\x80\n\xC3\xA4"}) {
    using enum NodeKind;
    ExpectReadBack(Collection(kMapping, {Text(text, "key"), Text("b", "next")}));
    ExpectReadBack(Collection(kMapping, {Text("b", "first"), Text(text, "key")}));
    ExpectReadBack(Collection(kSequence, {Text(text), Text(text)}));
    ExpectReadBack(Collection(
        kSequence,
        {Collection(kMapping, {Text(text, "a"), Collection(kSequence, {Text(text)}, "b")}),
         Collection(kSequence, {Collection(kSequence, {Text(text)}), Text("x")})}));
    if (!text.empty()) ExpectReadBack(Collection(kMapping, {Text("value", text)}));
  }
}

// Every text of up to four of the characters that mean something.
TEST(YamlTextTest, ShortTextsOfSpecialCharactersAreReadBackAsTheyWere) {
  const std::string alphabet = "a \n:#-|\"";
  for (uint32_t number = 0; number < 4096; ++number) {
    std::string text;
    for (uint32_t rest = number, i = 0; i < 4; ++i, rest /= 8) text += alphabet[rest % 8];
    ExpectReadBack(Collection(NodeKind::kMapping, {Text(text, "k"), Text("b", "next")}));
  }
}

}  // namespace
}  // namespace moa
