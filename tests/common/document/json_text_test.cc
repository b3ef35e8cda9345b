#include "common/document/json_text.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

TEST(JsonTextTest, WritesATreeAsJson) {
  Problems problems;
  const auto document = ReadYaml(
      "type: object\nn: [1, -2.5e3, 01, .5, true, 'true', ~, x]\nempty: {}\nq: \"a\\\"\\0\"\n", "f",
      problems);
  ASSERT_TRUE(document.has_value()) << problems.ToString();
  EXPECT_EQ(ToJson(document->root),
            "{\"type\":\"object\",\"n\":[1,-2.5e3,\"01\",\".5\",true,\"true\",null,\"x\"],"
            "\"empty\":{},\"q\":\"a\\\"\\u0000\"}");
}

TEST(JsonTextTest, KnowsNumbersByJsonsGrammar) {
  for (const char* number : {"0", "-0", "10", "1.5", "1e3", "-1.25E+10", "0e-1"}) {
    EXPECT_TRUE(IsJsonNumber(number)) << number;
  }
  for (const char* other :
       {"", "-", "+1", ".5", "1.", "01", "0x1", "1e", "1e+", "1 ", "1_000", "NaN"}) {
    EXPECT_FALSE(IsJsonNumber(other)) << other;
  }
}

}  // namespace
}  // namespace moa
