#include "coordinator/engine/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace moa {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string Substituted(const std::string& prompt, const std::string& list) {
  return std::string(SubstituteReferences(Text(prompt), Text(list)).view());
}

TEST(PromptTest, ReferencesAreNumberedFromOneAndFollowedByTheInstruction) {
  const Text text = RenderReferencesMessage({{Text("first")}, {Text("second\nline")}});
  const std::string message(text.view());
  EXPECT_THAT(message, StartsWith("Several models have each answered the latest request"));
  EXPECT_THAT(message, HasSubstr("\n\n[Answer 1]\nfirst\n\n[Answer 2]\nsecond\nline\n\n"));
  EXPECT_THAT(message, HasSubstr("biased"));
  EXPECT_THAT(message, HasSubstr("Do not merely repeat"));
}

TEST(PromptTest, NoReferencesMakeNoText) {
  EXPECT_TRUE(RenderReferencesMessage({}).empty());
  EXPECT_TRUE(RenderReferenceList({}).empty());
}

TEST(PromptTest, OnlyTheTokenIsReplacedAndEveryOneOfThem) {
  EXPECT_EQ(Substituted("{helper_response}|{helper_response}", "X"), "X|X");
  EXPECT_EQ(Substituted("{} {x} {{helper_response}} { helper_response } %s", "X"),
            "{} {x} {X} { helper_response } %s");
  EXPECT_EQ(Substituted("{Helper_Response}", "X"), "{Helper_Response}");
  EXPECT_EQ(Substituted("", "X"), "");
  EXPECT_EQ(Substituted("a{helper_response}b", ""), "ab");
}

TEST(PromptTest, ATokenInsideAReferenceIsTextLikeAnyOther) {
  EXPECT_EQ(Substituted("<{helper_response}>", "{helper_response}"), "<{helper_response}>");
}

TEST(PromptTest, NulsAndIllFormedBytesStayAsTheyAre) {
  const std::string prompt("\0{helper_response}\xff", 19);
  const std::string list("a\0\xc3", 3);
  EXPECT_EQ(Substituted(prompt, list), std::string("\0a\0\xc3\xff", 5));
}

TEST(PromptTest, APromptWithoutTheTokenIsNotCopied) {
  const Text prompt("no token here");
  EXPECT_TRUE(SubstituteReferences(prompt, Text("X")).SharesBytesWith(prompt));
  EXPECT_FALSE(AsksForReferences(prompt));
  EXPECT_TRUE(AsksForReferences(Text("x{helper_response}")));
}

}  // namespace
}  // namespace moa
