#include "simulator/msgpack.h"

#include <simdjson.h>

#include "common/base/status_matchers.h"
#include "simulator/digest.h"

namespace moa::simulator {
namespace {

constexpr size_t kSizeMax = 1 << 20;

std::string Convert(absl::string_view bytes) {
  absl::StatusOr<std::string> json = MsgpackToJson(bytes, kSizeMax);
  return json.ok() ? *json : std::string(json.status().message());
}

// A literal with NUL bytes in it.
template <size_t N>
absl::string_view Bytes(const char (&literal)[N]) {
  return {literal, N - 1};
}

TEST(MsgpackTest, ReadsEveryKindOfValueThatJsonHas) {
  EXPECT_EQ(Convert(Bytes("\xc0")), "null");
  EXPECT_EQ(Convert(Bytes("\x93\xc2\xc3\x7f")), "[false,true,127]");
  EXPECT_EQ(Convert(Bytes("\x92\xff\xe0")), "[-1,-32]");
  EXPECT_EQ(Convert(Bytes("\xcc\xff")), "255");
  EXPECT_EQ(Convert(Bytes("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")), "18446744073709551615");
  EXPECT_EQ(Convert(Bytes("\xd0\x80")), "-128");
  EXPECT_EQ(Convert(Bytes("\xd1\xff\x7f")), "-129");
  EXPECT_EQ(Convert(Bytes("\xd3\x80\x00\x00\x00\x00\x00\x00\x00")), "-9223372036854775808");
  EXPECT_EQ(Convert(Bytes("\xca\x3f\x00\x00\x00")), "0.5");
  EXPECT_EQ(Convert(Bytes("\xcb\x3f\xe0\x00\x00\x00\x00\x00\x00")), "0.5");
  EXPECT_EQ(Convert(Bytes("\xa3"
                          "a\"\n")),
            R"("a\"\n")");
  EXPECT_EQ(Convert(Bytes("\xd9\x02hi")), "\"hi\"");
  EXPECT_EQ(Convert(Bytes("\xda\x00\x02hi")), "\"hi\"");
  EXPECT_EQ(Convert(Bytes("\xdc\x00\x01\x01")), "[1]");
  EXPECT_EQ(Convert(Bytes("\x82\xa1"
                          "a\x01\xa1"
                          "b\x90")),
            R"({"a":1,"b":[]})");
  EXPECT_EQ(Convert(Bytes("\xde\x00\x01\xa1"
                          "a\x80")),
            R"({"a":{}})");
}

TEST(MsgpackTest, RefusesWhatIsCutWrongOrNotJson) {
  EXPECT_EQ(Convert(""), "msgpack, byte 0: the body ends in the middle of a value");
  EXPECT_EQ(Convert(Bytes("\x92\x01")), "msgpack, byte 2: the body ends in the middle of a value");
  EXPECT_EQ(Convert(Bytes("\xdd\xff\xff\xff\xff")),
            "msgpack, byte 5: the body ends in the middle of a value");
  EXPECT_EQ(Convert(Bytes("\xdb\xff\xff\xff\xff"
                          "a")),
            "msgpack, byte 5: a string is longer than the body");
  EXPECT_EQ(Convert(Bytes("\x81\x01\x01")), "msgpack, byte 1: a key is no string");
  EXPECT_EQ(Convert(Bytes("\xc4\x01"
                          "a")),
            "msgpack, byte 1: bytes and extensions have no place in JSON");
  EXPECT_EQ(Convert(Bytes("\xca\x7f\xc0\x00\x00")), "msgpack, byte 5: JSON has no such number");
  EXPECT_EQ(Convert(Bytes("\x01\x01")), "msgpack, byte 1: more follows the value");
  EXPECT_EQ(Convert(std::string(100, '\x91')), "msgpack, byte 65: nested too deeply");
}

TEST(MsgpackTest, TheTextIsBounded) {
  const std::string bytes =
      std::string("\xda\x00\x40", 3) + std::string(64, '\x01');  // each becomes \u0001
  EXPECT_THAT(MsgpackToJson(bytes, 100), StatusIs(absl::StatusCode::kResourceExhausted));
}

// Whatever the bytes are, the outcome is an error or JSON that a strict reader takes, save for
// strings that are not UTF-8 and numbers beyond its range.
TEST(MsgpackTest, RandomBytesAreRefusedOrBecomeJson) {
  Random random(7);
  simdjson::dom::parser parser;
  int converted = 0;
  for (int i = 0; i < 200'000; ++i) {
    std::string bytes(static_cast<size_t>(random.Integer(1, 24)), '\0');
    // Small lengths and common tags, so that many of them are well-formed.
    for (char& byte : bytes) {
      byte = static_cast<char>(random.Real() < 0.5 ? random.Integer(0x80, 0xA4)
                                                   : random.Integer(0, 255));
    }
    const absl::StatusOr<std::string> json = MsgpackToJson(bytes, kSizeMax);
    if (!json.ok()) continue;
    ++converted;
    const simdjson::error_code error = parser.parse(*json).error();
    EXPECT_TRUE(error == simdjson::SUCCESS || error == simdjson::UTF8_ERROR) << *json;
  }
  EXPECT_GT(converted, 1'000);
}

}  // namespace
}  // namespace moa::simulator
