#include "common/base/text.h"

#include <gtest/gtest.h>

#include <random>
#include <sstream>
#include <string>

namespace moa {
namespace {

using std::string_literals::operator""s;

constexpr char kReplacementCharacter[] = "\xEF\xBF\xBD";

// The bytes of one code point, as table 3-6 of the Unicode Standard lays them out: a second
// implementation for the tests to compare with.
std::string Encode(uint32_t code_point) {
  std::string out;
  if (code_point < 0x80) {
    out += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    out += static_cast<char>(0xC0 | (code_point >> 6));
    out += static_cast<char>(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    out += static_cast<char>(0xE0 | (code_point >> 12));
    out += static_cast<char>(0x80 | ((code_point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code_point & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (code_point >> 18));
    out += static_cast<char>(0x80 | ((code_point >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((code_point >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (code_point & 0x3F));
  }
  return out;
}

TEST(TextTest, KeepsEveryByte) {
  const std::string bytes = "a\0b\xFF\xC3"s;
  EXPECT_EQ(Text(bytes).view(), bytes);
  EXPECT_EQ(Text(bytes).size(), 5u);
}

TEST(TextTest, CopiesShareBytesAndEqualTextsNeedNot) {
  const Text a("hello");
  const Text copy = a;
  const Text other("hello");
  EXPECT_TRUE(a.SharesBytesWith(copy));
  EXPECT_FALSE(a.SharesBytesWith(other));
  EXPECT_EQ(a, other);
  EXPECT_FALSE(a == Text("hell"));
}

TEST(TextTest, EmptyTextsAreEqualHoweverMade) {
  EXPECT_EQ(Text(), Text(""));
  EXPECT_EQ(Text().view(), "");
  EXPECT_TRUE(Text(std::string()).empty());
}

TEST(TextTest, PrintsItsBytes) {
  std::ostringstream out;
  out << Text("a\0b"s);
  EXPECT_EQ(out.str(), "a\0b"s);
}

TEST(Utf8Test, EveryCodePointIsValidAndUnchanged) {
  for (uint32_t c = 0; c <= 0x10FFFF; ++c) {
    if (c >= 0xD800 && c <= 0xDFFF) continue;
    const std::string text = Encode(c);
    ASSERT_TRUE(IsValidUtf8(text)) << std::hex << c;
    ASSERT_EQ(RepairUtf8(text), text) << std::hex << c;
  }
}

TEST(Utf8Test, SurrogatesOverlongFormsAndTooLargeValuesAreIllFormed) {
  for (const char* bytes : {"\xED\xA0\x80", "\xED\xBF\xBF", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF",
                            "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF"}) {
    EXPECT_FALSE(IsValidUtf8(bytes)) << bytes;
    EXPECT_TRUE(IsValidUtf8(RepairUtf8(bytes))) << bytes;
  }
}

// The examples of section 3.9, tables 3-8 to 3-11: one U+FFFD for each maximal ill-formed part.
TEST(Utf8Test, RepairReplacesEachMaximalIllFormedPartOnce) {
  const std::string r = kReplacementCharacter;
  EXPECT_EQ(RepairUtf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(RepairUtf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(RepairUtf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Utf8Test, RepairKeepsWhatIsWellFormedAroundTheDamage) {
  EXPECT_EQ(RepairUtf8("gr\xC3\xBC\xC3"), std::string("gr\xC3\xBC") + kReplacementCharacter);
  EXPECT_EQ(RepairUtf8("\x80z"), std::string(kReplacementCharacter) + "z");
  EXPECT_EQ(RepairUtf8(""), "");
}

TEST(Utf8Test, RandomBytesAreAlwaysRepairedAndRepairIsIdempotent) {
  std::mt19937 random(7);  // any seed: the property holds for all bytes
  for (int round = 0; round < 20000; ++round) {
    std::string bytes(random() % 12, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? random() % 128 : random());
    const std::string repaired = RepairUtf8(bytes);
    ASSERT_TRUE(IsValidUtf8(repaired));
    ASSERT_EQ(RepairUtf8(repaired), repaired);
    if (IsValidUtf8(bytes)) {
      ASSERT_EQ(repaired, bytes);
    }
  }
}

TEST(Utf8PrefixTest, NeverCutsACodePoint) {
  const std::string text = Encode('a') + Encode(0xFC) + Encode(0x20AC) + Encode(0x1F600) + "z";
  const size_t boundaries[] = {0, 1, 3, 6, 10, 11};
  for (size_t limit = 0; limit <= text.size() + 2; ++limit) {
    size_t expected = 0;
    for (const size_t boundary : boundaries) {
      if (boundary <= limit) expected = boundary;
    }
    EXPECT_EQ(Utf8Prefix(text, limit).size(), expected) << limit;
  }
}

// A run of continuation bytes is no code point: the prefix may then cut anywhere, but must go on.
TEST(Utf8PrefixTest, GivesUpToThreeBytesOnIllFormedText) {
  const std::string text(20, '\x80');
  EXPECT_GE(Utf8Prefix(text, 10).size(), 7u);
  EXPECT_LE(Utf8Prefix(text, 10).size(), 10u);
}

}  // namespace
}  // namespace moa
