#include "simulator/prompt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "simulator/digest.h"
#include "simulator/prompt_cache.h"

namespace moa::simulator {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;

ChatRequest Ask(const std::string& text) {
  ChatRequest request;
  request.messages = {{"system", "Be brief.", "", 0}, {"user", text, "", 0}};
  return request;
}

std::string Tag(const std::string& digest) {
  return absl::StrCat("[sim model=m messages=1 digest=", digest, " saw=-]");
}

constexpr char kA[] = "00000000000000aa";
constexpr char kB[] = "00000000000000bb";

TEST(PromptTest, EqualRequestsHaveEqualDigests) {
  EXPECT_EQ(RenderPrompt(Ask("hi"), "m").digest, RenderPrompt(Ask("hi"), "m").digest);
}

TEST(PromptTest, AnyChangeOfThePromptChangesTheDigest) {
  const uint64_t digest = RenderPrompt(Ask("hi"), "m").digest;
  EXPECT_NE(RenderPrompt(Ask("hi "), "m").digest, digest);
  EXPECT_NE(RenderPrompt(Ask("hi"), "n").digest, digest);
  ChatRequest seeded = Ask("hi");
  seeded.seed = 1;
  EXPECT_NE(RenderPrompt(seeded, "m").digest, digest);
  ChatRequest moved = Ask("hi");
  moved.messages[1].role = "assistant";
  EXPECT_NE(RenderPrompt(moved, "m").digest, digest);
  ChatRequest extra = Ask("hi");
  extra.messages[1].extra =
      "\x1f"
      "name:me";
  EXPECT_NE(RenderPrompt(extra, "m").digest, digest);
}

// Pinned, so that recorded expectations stay valid: the digest is part of the simulator's
// interface.
TEST(PromptTest, TheDigestIsTheSameOnEveryMachine) {
  EXPECT_EQ(Hex16(RenderPrompt(Ask("hi"), "gpt-oss-120b").digest), "1db2b315c56c6467");
}

TEST(PromptTest, FindsEarlierDigestsInTheOrderOfTheText) {
  const Prompt prompt =
      RenderPrompt(Ask(absl::StrCat("1. ", Tag(kB), "\n2. ", Tag(kA), " again ", Tag(kB))), "m");
  EXPECT_THAT(prompt.saw, ElementsAre(kB, kA, kB));
  EXPECT_THAT(ReplyTag(prompt, "m", 2, 0),
              EndsWith(absl::StrCat(" saw=", kB, ",", kA, ",", kB, "]")));
}

// What an earlier reply saw is not what this prompt holds.
TEST(PromptTest, CountsTagsNotTheirSawLists) {
  const Prompt prompt =
      RenderPrompt(Ask(absl::StrCat("[sim model=m messages=3 digest=", kA, " saw=", kB, "]")), "m");
  EXPECT_THAT(prompt.saw, ElementsAre(kA));
}

TEST(PromptTest, IgnoresWhatOnlyLooksLikeATag) {
  for (const char* text :
       {"digest=00000000000000aa", "[sim model=m] digest=00000000000000aa",
        "[sim model=m digest=00aa saw=-]", "[sim model=m digest=00000000000000AA saw=-]",
        "[sim model=m digest=00000000000000a"}) {
    EXPECT_THAT(RenderPrompt(Ask(text), "m").saw, IsEmpty()) << text;
  }
}

TEST(PromptTest, BoundsTheListAndCountsTheRest) {
  std::string text;
  for (int i = 0; i < 70; ++i) text += Tag(kA);
  const Prompt prompt = RenderPrompt(Ask(text), "m");
  EXPECT_EQ(prompt.saw.size(), kSawMax);
  EXPECT_THAT(ReplyTag(prompt, "m", 1, 0), EndsWith("+6]"));
}

TEST(PromptTest, ChoicesHaveDigestsOfTheirOwn) {
  const Prompt prompt = RenderPrompt(Ask("hi"), "m");
  EXPECT_NE(ReplyTag(prompt, "m", 2, 0), ReplyTag(prompt, "m", 2, 1));
}

const absl::Time kStart = absl::FromUnixSeconds(1'000'000);

TEST(PromptCacheTest, CountsWholeBlocksOfASharedPrefix) {
  PromptCache cache;
  const std::string prefix(3 * 512, 'p');
  EXPECT_EQ(cache.Use("org", "m", prefix + std::string(600, 'a'), 534, kStart), 0);
  EXPECT_EQ(cache.Use("org", "m", prefix + std::string(600, 'b'), 534, kStart), 3 * 128);
  EXPECT_EQ(cache.Use("org", "m", std::string("x") + prefix, 385, kStart), 0);
}

TEST(PromptCacheTest, NeverCountsTheWholePrompt) {
  PromptCache cache;
  const std::string prompt(512, 'p');
  cache.Use("org", "m", prompt, 128, kStart);
  EXPECT_EQ(cache.Use("org", "m", prompt, 128, kStart), 0);
  EXPECT_EQ(cache.Use("org", "m", prompt, 129, kStart), 128);
}

TEST(PromptCacheTest, KeepsOrganisationsAndModelsApart) {
  PromptCache cache;
  const std::string prompt(1'000, 'p');
  cache.Use("org", "m", prompt, 250, kStart);
  EXPECT_EQ(cache.Use("other", "m", prompt, 250, kStart), 0);
  EXPECT_EQ(cache.Use("org", "n", prompt, 250, kStart), 0);
  EXPECT_EQ(cache.Use("org", "m", prompt, 250, kStart), 128);
}

TEST(PromptCacheTest, ForgetsFiveMinutesAfterTheLastUse) {
  PromptCache cache;
  const std::string prompt(1'000, 'p');
  cache.Use("org", "m", prompt, 250, kStart);
  EXPECT_EQ(cache.Use("org", "m", prompt, 250, kStart + absl::Minutes(4)), 128);
  EXPECT_EQ(cache.Use("org", "m", prompt, 250, kStart + absl::Minutes(8)), 128);
  EXPECT_EQ(cache.Use("org", "m", prompt, 250, kStart + absl::Minutes(14)), 0);
}

TEST(PromptCacheTest, DropsTheLeastRecentlyUsedBlocks) {
  PromptCache cache(2);
  const std::string a(600, 'a');
  const std::string b(600, 'b');
  const std::string c(600, 'c');
  cache.Use("org", "m", a, 150, kStart);
  cache.Use("org", "m", b, 150, kStart);
  cache.Use("org", "m", a, 150, kStart);
  cache.Use("org", "m", c, 150, kStart);
  EXPECT_EQ(cache.Use("org", "m", a, 150, kStart), 128);
  EXPECT_EQ(cache.Use("org", "m", b, 150, kStart), 0);
}

}  // namespace
}  // namespace moa::simulator
