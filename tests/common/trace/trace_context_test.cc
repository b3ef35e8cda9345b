#include "common/trace/trace_context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// The recommendation's own example.
constexpr char kTraceParent[] = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContextTest, ReadsAndWritesTheHeader) {
  const auto context = ParseTraceContext(kTraceParent, "congo=t61rcWkgMzE");
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(context->span_id, "00f067aa0ba902b7");
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(context->state, "congo=t61rcWkgMzE");
  EXPECT_EQ(TraceParent(*context), kTraceParent);
}

TEST(TraceContextTest, OnlyTheLastBitOfTheFlagsCounts) {
  const std::string ids = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-";
  EXPECT_FALSE(ParseTraceContext(ids + "00", "")->sampled);
  EXPECT_FALSE(ParseTraceContext(ids + "fe", "")->sampled);
  EXPECT_TRUE(ParseTraceContext(ids + "0b", "")->sampled);
}

TEST(TraceContextTest, LaterVersionsMayHaveMore) {
  EXPECT_TRUE(
      ParseTraceContext("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what", ""));
  EXPECT_TRUE(ParseTraceContext("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ""));
}

TEST(TraceContextTest, NonsenseIsNoContext) {
  for (const char* header : {"", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
                             "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                             "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                             "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
                             "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                             "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01more",
                             "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                             "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(ParseTraceContext(header, "")) << header;
  }
}

TEST(TraceContextTest, AStateThatIsTooLongOrNotPlainIsDropped) {
  EXPECT_EQ(ParseTraceContext(kTraceParent, std::string(513, 'a'))->state, "");
  EXPECT_EQ(ParseTraceContext(kTraceParent, "a=1\r\nHost: elsewhere")->state, "");
  EXPECT_EQ(ParseTraceContext(kTraceParent, "a=\xC3\xA9")->state, "");
}

TEST(TraceContextTest, DerivedIdsAreWellFormedAndDiffer) {
  const std::string trace = DeriveTraceId("J1");
  EXPECT_EQ(trace, DeriveTraceId("J1"));
  EXPECT_NE(trace, DeriveTraceId("J2"));
  EXPECT_NE(DeriveSpanId(trace, "a"), DeriveSpanId(trace, "b"));
  EXPECT_NE(DeriveSpanId(trace, "a"), DeriveSpanId(DeriveTraceId("J2"), "a"));
  EXPECT_TRUE(
      ParseTraceContext(absl::StrCat("00-", trace, "-", DeriveSpanId(trace, "a"), "-01"), ""));
}

TEST(TraceContextTest, TheShareOfRecordedTracesIsAsAsked) {
  int sampled = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string trace = DeriveTraceId(absl::StrCat("J", i));
    EXPECT_FALSE(IsSampled(trace, 0));
    EXPECT_TRUE(IsSampled(trace, 1));
    sampled += IsSampled(trace, 0.25) ? 1 : 0;
    // Who is in a small share is in a larger one.
    EXPECT_TRUE(!IsSampled(trace, 0.25) || IsSampled(trace, 0.5));
  }
  EXPECT_NEAR(sampled, 2500, 200);
}

}  // namespace
}  // namespace moa
