#include "common/base/display_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace moa {
namespace {

TEST(DisplayTextTest, RemovesEverythingThatATerminalWouldActOn) {
  EXPECT_EQ(WithoutControls("a\x1b[31mb\x1b]0;title\x07"
                            "c\r\n\td\x7f"),
            "a[31mb]0;titlec\n\td");
  EXPECT_EQ(WithoutControls("x\xC2\x9B"
                            "31my"),
            "x31my");  // CSI as one C1 character
  EXPECT_EQ(WithoutControls("a\xE2\x80\xAE"
                            "b"),
            "ab");  // right-to-left override
  EXPECT_EQ(WithoutControls(std::string("a\0b\xFF", 4)), "ab\xEF\xBF\xBD");
  EXPECT_EQ(WithoutControls("d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80"),
            "d\xC3\xA9j\xC3\xA0 \xF0\x9F\x98\x80");
  EXPECT_EQ(OneLine("a\nb\tc"), "a b c");
}

TEST(DisplayTextTest, CountsColumnsNotBytes) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("\xC3\xA9"), 1u);
  EXPECT_EQ(DisplayWidth("e\xCC\x81"), 1u);
  EXPECT_EQ(DisplayWidth("\xE6\xBC\xA2\xE5\xAD\x97"), 4u);
  EXPECT_EQ(DisplayWidth("\xF0\x9F\x98\x80"), 2u);
}

TEST(DisplayTextTest, CutsBetweenCharacters) {
  EXPECT_EQ(FitWidth("abcdef", 6), "abcdef");
  EXPECT_EQ(FitWidth("abcdef", 4), "abc…");
  EXPECT_EQ(FitWidth("\xE6\xBC\xA2\xE5\xAD\x97\xE6\xBC\xA2", 4), "\xE6\xBC\xA2…");
  EXPECT_EQ(FitWidth("abc", 1), "…");
  EXPECT_EQ(FitWidth("abc", 0), "");
}

TEST(DisplayTextTest, WritesNumbersForPeople) {
  EXPECT_EQ(WithThousands(0), "0");
  EXPECT_EQ(WithThousands(999), "999");
  EXPECT_EQ(WithThousands(1234567), "1,234,567");
}

TEST(DisplayTextTest, WritesDurationsInTheUnitThatSaysMost) {
  EXPECT_EQ(ShortDuration(absl::ZeroDuration()), "0.0 ms");
  EXPECT_EQ(ShortDuration(absl::Microseconds(3420)), "3.4 ms");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(123)), "123 ms");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(1234)), "1.23 s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(12340)), "12.34 s");
  EXPECT_EQ(ShortDuration(absl::Seconds(123)), "2m03s");
  EXPECT_EQ(ShortDuration(absl::Hours(2)), "120m00s");
}

TEST(DisplayTextTest, ADurationThatRoundsUpTakesTheNextUnit) {
  EXPECT_EQ(ShortDuration(absl::Microseconds(9940)), "9.9 ms");
  EXPECT_EQ(ShortDuration(absl::Microseconds(9960)), "10 ms");
  EXPECT_EQ(ShortDuration(absl::Microseconds(999'400)), "999 ms");
  EXPECT_EQ(ShortDuration(absl::Microseconds(999'600)), "1.00 s");
  EXPECT_EQ(ShortDuration(absl::Microseconds(59'990'000)), "59.99 s");
  EXPECT_EQ(ShortDuration(absl::Microseconds(59'996'000)), "1m00s");
  EXPECT_EQ(ShortDuration(absl::Milliseconds(119'600)), "2m00s");
}

TEST(DisplayTextTest, ADurationOfABadPeerStaysShort) {
  EXPECT_EQ(ShortDuration(-absl::InfiniteDuration()), "0.0 ms");
  EXPECT_EQ(ShortDuration(absl::InfiniteDuration()), "52560000m00s");
}

}  // namespace
}  // namespace moa
