#include "coordinator/engine/json_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

using testing::SizeIs;

double Score(absl::string_view text) {
  const auto object = FindJsonObject(text, "score");
  return object ? object->Find("score")->number : -1;
}

TEST(JsonValueTest, StrictJsonIsReadWhole) {
  const auto value =
      ParseJson(R"( {"a": [1, -2.5e3, true, null, "x\n\u00e9\ud83d\ude00"], "b": {}} )");
  ASSERT_TRUE(value.has_value());
  const JsonValue& list = *value->Find("a");
  ASSERT_THAT(list.items, SizeIs(5));
  EXPECT_EQ(list.items[1].number, -2500);
  EXPECT_TRUE(list.items[2].boolean);
  EXPECT_EQ(list.items[4].string, "x\né😀");
  EXPECT_EQ(value->Find("c"), nullptr);
}

TEST(JsonValueTest, WhatIsNotJsonIsRefused) {
  for (const char* text :
       {"", "{", "{\"a\":1,}", "[1,]", "{\"a\" 1}", "01", "1.", "nul", "+1", "{} x", "\"a\nb\"",
        "\"\\q\"", "{'a':1}", "NaN", "1e", "--1", "\"\\ud83d\\u0020\""}) {
    EXPECT_FALSE(ParseJson(text).has_value()) << text;
  }
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += "[";
  EXPECT_FALSE(ParseJson(deep).has_value());
}

TEST(JsonValueTest, AnObjectIsFoundWhereverModelsPutIt) {
  EXPECT_EQ(Score(R"({"score": 7})"), 7);
  EXPECT_EQ(Score("Here you are:\n```json\n{\"score\": 8, \"feedback\": \"ok\"}\n```\nHope it "
                  "helps {smile}"),
            8);
  EXPECT_EQ(Score(R"(<think>Maybe {"score": 2}? No.</think>{"score": 9})"), 9);
  EXPECT_EQ(Score("I would say {\"score\": 3} at first, but finally {\"score\": 6}."), 6);
  EXPECT_EQ(Score("no verdict {at all}"), -1);
  EXPECT_EQ(Score(R"(<think>thinking without an end {"score": 4})"), -1);
}

TEST(JsonValueTest, ACutObjectKeepsWhatIsComplete) {
  EXPECT_EQ(Score(R"({"score": 7, "feedback": "it was go)"), 7);
  EXPECT_EQ(Score(R"({"score": 7, "feed)"), 7);
  // It may have been going to be 10.
  EXPECT_EQ(Score(R"({"accept": true, "score": 1)"), -1);
  const auto list =
      FindJsonObject(R"({"verdicts": [{"answer": 1, "score": 5}, {"answer": 2, "sc)", "verdicts");
  ASSERT_TRUE(list.has_value());
  EXPECT_THAT(list->Find("verdicts")->items, SizeIs(2));
}

TEST(JsonValueTest, NoTextHarmsTheReader) {
  const std::string alphabet = "{}[]\":,\\ux09aetrufalsn<think>/ \n.-";
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const size_t size = random() % 60;
    for (size_t i = 0; i < size; ++i) text.push_back(alphabet[random() % alphabet.size()]);
    FindJsonObject(text, "a");
    ParseJson(text);
  }
  // Linear, though each brace could begin an object.
  FindJsonObject(std::string(kJsonBytesMax, '{'), "a");
  std::string nested;
  for (int i = 0; i < 50'000; ++i) absl::StrAppend(&nested, "{\"a\":");
  FindJsonObject(nested, "a");
}

}  // namespace
}  // namespace moa
