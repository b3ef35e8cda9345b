#include "worker/sandbox/frames.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace moa::sandbox {
namespace {

using Kind = EvaluationOutcome::Kind;

std::string Frame(char kind, const std::string& first = "", const std::string& second = "") {
  std::string frame(1, kind);
  for (const size_t size : {first.size(), second.size()}) {
    for (int i = 0; i < 4; ++i) frame.push_back(static_cast<char>(size >> (8 * i) & 0xFF));
  }
  return frame + first + second;
}

// However the pipe cuts the bytes, the frames are the same.
TEST(EvaluationReaderTest, ReadsFramesCutAnywhere) {
  const std::string bytes = Frame('L') + Frame('V', "1", "[2]") + Frame('X', "E: no", "[]");
  for (size_t step = 1; step <= bytes.size(); ++step) {
    EvaluationReader reader(2, 1000);
    for (size_t at = 0; at < bytes.size(); at += step) {
      EXPECT_EQ(reader.Feed(absl::string_view(bytes).substr(at, step)), at + step >= bytes.size());
    }
    const Evaluation seen = reader.Take();
    EXPECT_EQ(seen.kind, Evaluation::Kind::kLoaded);
    EXPECT_EQ(seen.calls[0].kind, Kind::kReturned);
    EXPECT_EQ(seen.calls[0].value, "1");
    EXPECT_EQ(seen.calls[0].arguments, "[2]");
    EXPECT_EQ(seen.calls[1].kind, Kind::kRaised);
    EXPECT_EQ(seen.calls[1].error, "E: no");
  }
}

TEST(EvaluationReaderTest, AFrameThatIsNotDueEndsTheRun) {
  const std::string frames[] = {Frame('L'),
                                Frame('S', "no"),
                                Frame('?'),
                                "V\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
                                Frame('V', "1", "[1"),
                                Frame('V', "nan", "[]"),
                                Frame('V', "", "[]"),
                                Frame('X', "E", "\xFF"),
                                std::string(20, '\0')};
  for (const std::string& frame : frames) {
    EvaluationReader reader(2, 1000);
    EXPECT_FALSE(reader.Feed(Frame('L')));
    EXPECT_TRUE(reader.Feed(frame)) << frame;
    const Evaluation seen = reader.Take();
    EXPECT_EQ(seen.calls[0].kind, Kind::kKilled);
    EXPECT_EQ(seen.calls[1].kind, Kind::kNotRun);
  }
}

TEST(EvaluationReaderTest, TakesAValueBeforeTheModuleIsLoadedForAForgery) {
  EvaluationReader reader(1, 1000);
  EXPECT_TRUE(reader.Feed(Frame('V', "1", "[]")));
  EXPECT_EQ(reader.Take().kind, Evaluation::Kind::kKilled);
}

TEST(EvaluationReaderTest, StopsAtTheLimitAndAfterTheLastCall) {
  EvaluationReader small(1, 30);
  EXPECT_FALSE(small.Feed(Frame('L')));
  EXPECT_TRUE(small.Feed(std::string(22, 'x')));
  EXPECT_EQ(small.Take().calls[0].error, "the output's limit");

  EvaluationReader done(1, 1000);
  EXPECT_TRUE(done.Feed(Frame('L') + Frame('V', "1", "[]") + Frame('V', "2", "[]")));
  done.TimedOut();
  done.Killed("late");
  EXPECT_EQ(done.Take().calls[0].value, "1");
}

TEST(EvaluationReaderTest, ErrorsAreShortTexts) {
  EvaluationReader reader(0, 10000);
  EXPECT_TRUE(reader.Feed(Frame('M', "\xFF" + std::string(5000, 'e'))));
  const Evaluation seen = reader.Take();
  EXPECT_EQ(seen.kind, Evaluation::Kind::kRaised);
  EXPECT_EQ(seen.error, "\xEF\xBF\xBD" + std::string(1999, 'e'));
}

}  // namespace
}  // namespace moa::sandbox
