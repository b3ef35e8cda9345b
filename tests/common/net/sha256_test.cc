#include "common/hash/sha256.h"

#include <gtest/gtest.h>

namespace moa {
namespace {

// The examples of FIPS 180-4's companion document.
TEST(Sha256Test, GivesTheStandardsExamples) {
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256("abc").size(), 32u);
}

TEST(Sha256Test, PiecesMakeTheSameDigestAsTheWhole) {
  Sha256Hasher hasher;
  hasher.Add("a");
  hasher.Add("bc");
  EXPECT_EQ(hasher.Finish(), Sha256("abc"));
  hasher.Add("abc");
  EXPECT_EQ(hasher.Finish(), Sha256("abc")) << "Finish starts anew";
}

TEST(Sha256Test, FieldsDoNotRunIntoEachOther) {
  const auto digest = [](absl::string_view a, absl::string_view b) {
    Sha256Hasher hasher;
    hasher.AddField(a);
    hasher.AddField(b);
    return hasher.Finish();
  };
  EXPECT_NE(digest("ab", "c"), digest("a", "bc"));
  EXPECT_NE(digest("", "a"), digest("a", ""));
}

TEST(Sha256Test, NumbersHaveAFixedLayout) {
  Sha256Hasher hasher;
  hasher.AddNumber(0x0102030405060708u);
  EXPECT_EQ(hasher.Finish(), Sha256("\x08\x07\x06\x05\x04\x03\x02\x01"));
}

}  // namespace
}  // namespace moa
