#include "worker/sandbox/json_check.h"

#include <string>

#include "gtest/gtest.h"

namespace moa::sandbox {
namespace {

TEST(IsPlainJsonTest, TakesJson) {
  for (const char* text :
       {"null", " true ", "-0", "0.5e-3", "1E+2", "\"\"", "\"\\u00e9\\ud83d\\ude00\\/\"", "[]",
        "[ ]", "{}", "[1,[2,{\"a\":[]}]]", "{\"a\" : 1 , \"a\":2}", "\"\xC3\xA9\""}) {
    EXPECT_TRUE(IsPlainJson(text, 8)) << text;
  }
}

TEST(IsPlainJsonTest, RefusesEverythingElse) {
  for (const char* text : {"",
                           " ",
                           "nul",
                           "nullx",
                           "1 2",
                           "01",
                           "1.",
                           ".5",
                           "+1",
                           "-",
                           "1e",
                           "1e999",
                           "NaN",
                           "Infinity",
                           "'a'",
                           "\"",
                           "\"\\x\"",
                           "\"\\ud800\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\udc00\"",
                           "\"\\u12g4\"",
                           "\"\x01\"",
                           "\"\xFF\"",
                           "[",
                           "[1",
                           "[1,",
                           "[1,]",
                           "[,]",
                           "]",
                           "{",
                           "{\"a\"}",
                           "{\"a\":}",
                           "{a:1}",
                           "{\"a\":1,}",
                           "{1:2}",
                           "[1}",
                           "\"\\"}) {
    EXPECT_FALSE(IsPlainJson(text, 8)) << text;
  }
  EXPECT_FALSE(IsPlainJson(absl::string_view("1\0", 2), 8));
  EXPECT_FALSE(IsPlainJson("1" + std::string(500, '0'), 8));
}

TEST(IsPlainJsonTest, BoundsTheDepth) {
  const auto nested = [](size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(IsPlainJson(nested(8), 8));
  EXPECT_FALSE(IsPlainJson(nested(9), 8));
  EXPECT_FALSE(IsPlainJson(std::string(1000000, '['), 8));
}

}  // namespace
}  // namespace moa::sandbox
