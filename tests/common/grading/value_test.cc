#include "common/grading/value.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/grading/value_path.h"

namespace moa {
namespace {

TEST(ValueTest, EqualsAsPythonDoes) {
  const std::vector<std::tuple<std::string, std::string, bool>> cases = {
      {"2", "2.0", true},
      {"1e3", "1000", true},
      {"-0", "0.0", true},
      {"0.5", "5e-1", true},
      {"0.1", "0.2", false},
      {"true", "1", true},
      {"false", "0.0", true},
      {"true", "\"true\"", false},
      {"1", "\"1\"", false},
      {"null", "null", true},
      {"null", "false", false},
      {"9007199254740993", "9007199254740992", false},
      {"9007199254740993", "9007199254740992.0", false},
      {"9007199254740992", "9007199254740992.0", true},
      {"15511210043330985984000000", "15511210043330985984000000", true},
      {"15511210043330985984000000", "15511210043330985984000001", false},
      {"1e23", "99999999999999991611392", true},  // what Python's int(1e23) is
      {"[1,[2]]", "[1.0,[2.0]]", true},
      {"[1,2]", "[2,1]", false},
      {"[1]", "[1,2]", false},
      {R"({"a":1,"b":2})", R"({"b":2,"a":1})", true},
      {R"({"a":1})", R"({"b":1})", false},
      {"[]", "{}", false},
      {R"({"$type":"float"})", R"({"$type":"float"})", false},
      {R"([{"$type":"set"}])", R"([{"$type":"set"}])", false},
      {R"({"$type":1})", R"({"$type":1})", true},  // a dict
      {R"("\ud83d\ude00")", "\"\xF0\x9F\x98\x80\"", true},
      {R"("\ud83d")", R"("\ufffd")", true},
      {R"("\\ud83d")", R"("\ufffd")", false},
  };
  for (const auto& [a, b, equal] : cases) {
    EXPECT_EQ(Equals(ParseValue(a), ParseValue(b)), equal) << a << " " << b;
    EXPECT_EQ(Equals(ParseValue(b), ParseValue(a)), equal) << b << " " << a;
  }
}

TEST(ValueTest, IdenticalTellsTypesApart) {
  EXPECT_TRUE(Identical(ParseValue(R"({"a":[1,2.5]})"), ParseValue(R"({"a":[1,2.5]})")));
  for (const char* other : {R"({"a":[1.0,2.5]})", R"({"a":[true,2.5]})", R"({"a":[1,2.5,3]})"}) {
    EXPECT_FALSE(Identical(ParseValue(R"({"a":[1,2.5]})"), ParseValue(other))) << other;
  }
}

TEST(ValueTest, IsCloseReachesIntoLists) {
  const auto close = [](const char* a, const char* b) {
    return IsClose(ParseValue(a), ParseValue(b), 0.01);
  };
  EXPECT_TRUE(close("2.95", "2.951"));
  EXPECT_FALSE(close("2.95", "2.97"));
  EXPECT_TRUE(close(R"([1,{"a":2}])", R"([1.001,{"a":1.999}])"));
  EXPECT_FALSE(close(R"([1,{"a":2}])", R"([1.001,{"b":1.999}])"));
  EXPECT_TRUE(close(R"(["x",1])", R"(["x",1])"));
  EXPECT_FALSE(close("\"1\"", "1"));
  EXPECT_FALSE(close(R"({"$type":"float"})", "1"));
}

TEST(ValueTest, ComparesItemsInAnyOrder) {
  EXPECT_TRUE(SameItems(ParseValue("[3,1,2,[1]]"), ParseValue("[[1],1,2.0,3]")));
  EXPECT_FALSE(SameItems(ParseValue("[1,1,2]"), ParseValue("[1,2,2]")));
  EXPECT_FALSE(SameItems(ParseValue("[1]"), ParseValue("1")));
  EXPECT_TRUE(AllDistinct(ParseValue("[1,2,\"1\",[1],null]").items));
  EXPECT_FALSE(AllDistinct(ParseValue("[1,2,true]").items));
  EXPECT_TRUE(AllDistinct(ParseValue(R"([{"$type":"float"},{"$type":"float"}])").items));
  std::string many = "[0";
  for (int i = 1; i < 100'000; ++i) absl::StrAppend(&many, ",", i);
  EXPECT_TRUE(AllDistinct(ParseValue(many + "]").items));  // not each with each
}

TEST(ValueTest, WhatNobodyCanReadIsOpaque) {
  for (const std::string& json :
       {std::string(), std::string("[1"), std::string(100, '['), std::string(400, '9')}) {
    EXPECT_EQ(ParseValue(json).kind, Value::Kind::kOpaque) << json;
  }
  EXPECT_EQ(ParseValue("[" + std::string(400, '9') + "]").kind, Value::Kind::kList);
}

TEST(ValuePathTest, LeadsIntoAValue) {
  const Value value = ParseValue(R"({"users":[{"n":1},{"n":2},{}],"a.b":{"c":3},"none":null})");
  const std::vector<std::tuple<std::string, std::string>> cases = {
      {"users[0].n", "1"},       {"users[-2].n", "2"},      {"users[0][\"n\"]", "1"},
      {"[\"a.b\"].c", "3"},      {"none", "null"},          {"users[2].n", "nothing"},
      {"users[3].n", "nothing"}, {"users[-4]", "nothing"},  {"more.of[0].it", "nothing"},
      {"none.x", "unreadable"},  {"users.n", "unreadable"}, {"users[].n.x", "unreadable"},
      {"[0]", "unreadable"}};
  for (const auto& [text, wanted] : cases) {
    const auto path = ParsePath(text);
    ASSERT_TRUE(path.has_value()) << text;
    const std::optional<Value> read = ReadPath(value, *path);
    if (wanted == "unreadable") {
      EXPECT_FALSE(read.has_value()) << text;
    } else if (wanted == "nothing") {
      ASSERT_TRUE(read.has_value()) << text;
      EXPECT_EQ(read->kind, Value::Kind::kNothing) << text;
    } else {
      ASSERT_TRUE(read.has_value()) << text;
      EXPECT_TRUE(Equals(*read, ParseValue(wanted))) << text;
    }
  }
  const std::optional<Value> each = ReadPath(value, *ParsePath("users[].n"));
  ASSERT_TRUE(each.has_value());
  EXPECT_EQ(each->items.size(), 3u);
  EXPECT_EQ(each->items[2].kind, Value::Kind::kNothing);
}

TEST(ValuePathTest, RefusesWhatIsNoPath) {
  for (const char* text : {".", "a.", ".a", "a..b", "a[", "a[x]", "a[1", "a[1]b", "[\"a]", "a[ ]",
                           "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"}) {
    EXPECT_FALSE(ParsePath(text).has_value()) << text;
  }
  EXPECT_TRUE(ParsePath("")->empty());
}

}  // namespace
}  // namespace moa
