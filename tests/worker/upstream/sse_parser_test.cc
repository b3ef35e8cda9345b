#include "worker/upstream/sse_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "common/base/status_matchers.h"

namespace moa::upstream {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

using Events = std::vector<std::pair<std::string, std::string>>;  // type, data

// Feeds the segments to one parser, then the end.
Events Parse(const std::vector<absl::string_view>& segments, bool finish = false) {
  SseParser parser(1 << 20);
  Events events;
  const auto take = [&](const SseParser::Event& event) {
    events.emplace_back(event.type, event.data);
  };
  for (const absl::string_view segment : segments) EXPECT_OK(parser.Feed(segment, take));
  if (finish) {
    EXPECT_OK(parser.Finish(take));
  }
  return events;
}

TEST(SseParserTest, SplitsEventsAtBlankLines) {
  EXPECT_THAT(Parse({"data: one\n\ndata: two\n\n"}), ElementsAre(Pair("", "one"), Pair("", "two")));
}

TEST(SseParserTest, TakesEveryLineEnd) {
  EXPECT_THAT(Parse({"data: a\r\n\r\ndata: b\r\rdata: c\n\n"}),
              ElementsAre(Pair("", "a"), Pair("", "b"), Pair("", "c")));
}

TEST(SseParserTest, JoinsDataLines) {
  EXPECT_THAT(Parse({"data: a\ndata:\ndata:  b\n\n"}), ElementsAre(Pair("", "a\n\n b")));
}

TEST(SseParserTest, ReadsTheTypeAndForgetsItAfterTheEvent) {
  EXPECT_THAT(Parse({"event: error\ndata: a\n\ndata: b\n\n"}),
              ElementsAre(Pair("error", "a"), Pair("", "b")));
}

TEST(SseParserTest, ReadsOverCommentsOtherFieldsAndEventsWithoutData) {
  EXPECT_THAT(Parse({": ping\n\nid: 7\nretry: 10\nevent: nothing\n\nnonsense\ndata: x\n\n"}),
              ElementsAre(Pair("", "x")));
}

TEST(SseParserTest, SkipsAByteOrderMark) {
  EXPECT_THAT(Parse({"\xEF\xBB\xBF"
                     "data: x\n\n"}),
              ElementsAre(Pair("", "x")));
}

TEST(SseParserTest, YieldsTheSameEventsWhereverTheSegmentsAreCut) {
  const std::string stream =
      "\xEF\xBB\xBF: hello\r\n\r\nevent: error\r\ndata: one\r\ndata: \xF0\x9F\x98\x80\r\n\r\n"
      "data: two\n\ndata: three\r\revent: x\ndata\n\n";
  const Events whole = Parse({stream});
  ASSERT_THAT(whole, ElementsAre(Pair("error", "one\n\xF0\x9F\x98\x80"), Pair("", "two"),
                                 Pair("", "three"), Pair("x", "")));
  const absl::string_view view = stream;
  for (size_t i = 0; i <= stream.size(); ++i) {
    for (size_t j = i; j <= stream.size(); ++j) {
      ASSERT_EQ(Parse({view.substr(0, i), view.substr(i, j - i), view.substr(j)}), whole)
          << "cut at " << i << " and " << j;
    }
  }
  std::vector<absl::string_view> bytes;
  for (size_t i = 0; i < stream.size(); ++i) bytes.push_back(view.substr(i, 1));
  EXPECT_EQ(Parse(bytes), whole);
}

TEST(SseParserTest, HandsOutAnUnfinishedEventOnlyAtTheEnd) {
  EXPECT_THAT(Parse({"data: [DONE]"}), IsEmpty());
  EXPECT_THAT(Parse({"data: [DONE]"}, true), ElementsAre(Pair("", "[DONE]")));
  EXPECT_THAT(Parse({"data: [DONE]\n"}, true), ElementsAre(Pair("", "[DONE]")));
  EXPECT_THAT(Parse({"data: [DONE]\n\n"}, true), ElementsAre(Pair("", "[DONE]")));
  EXPECT_THAT(Parse({}, true), IsEmpty());
}

TEST(SseParserTest, RefusesALineBeyondTheLimit) {
  SseParser parser(100);
  const auto ignore = [](const SseParser::Event&) { FAIL(); };
  EXPECT_OK(parser.Feed("data: " + std::string(90, 'x'), ignore));
  EXPECT_THAT(parser.Feed("yyyyy", ignore),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("100 bytes")));
  EXPECT_THAT(parser.Feed("\n\n", ignore), StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(SseParserTest, RefusesAnEventOfTooManyLines) {
  SseParser parser(100);
  const auto ignore = [](const SseParser::Event&) { FAIL(); };
  absl::Status status;
  for (int i = 0; i < 11; ++i) status.Update(parser.Feed("data: 123456789\n", ignore));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST(SseParserTest, StartsAfreshAfterAReset) {
  SseParser parser(100);
  Events events;
  const auto take = [&](const SseParser::Event& event) {
    events.emplace_back(event.type, event.data);
  };
  EXPECT_THAT(parser.Feed("event: a\ndata: " + std::string(200, 'x'), take),
              StatusIs(absl::StatusCode::kResourceExhausted));
  parser.Reset();
  EXPECT_OK(parser.Feed("data: ok\n\n", take));
  EXPECT_THAT(events, ElementsAre(Pair("", "ok")));
}

}  // namespace
}  // namespace moa::upstream
