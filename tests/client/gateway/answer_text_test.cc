#include "client/gateway/answer_text.h"

#include <gtest/gtest.h>

namespace moa::gateway {
namespace {

v1::TaskDelta Delta(uint32_t attempt, uint64_t offset, const std::string& content) {
  v1::TaskDelta delta;
  delta.set_attempt(attempt);
  delta.set_content_offset(offset);
  delta.set_content(content);
  return delta;
}

std::string Shown(AnswerText& text, uint32_t attempt, uint64_t offset, const std::string& content) {
  const auto piece = text.Apply(Delta(attempt, offset, content));
  return piece.ok() ? piece->content : std::string(piece.status().message().substr(0, 10));
}

v1::Completion Whole(const std::string& content, const std::string& reasoning = "") {
  v1::Completion answer;
  answer.set_content(content);
  answer.set_reasoning(reasoning);
  return answer;
}

TEST(AnswerTextTest, ShowsEachPieceOnce) {
  AnswerText text;
  EXPECT_EQ(Shown(text, 1, 0, "ab"), "ab");
  EXPECT_EQ(Shown(text, 1, 2, "cd"), "cd");
  // After a reconnect the text comes whole.
  EXPECT_EQ(Shown(text, 1, 0, "abcdef"), "ef");
  EXPECT_EQ(text.Complete(Whole("abcdefg"))->content, "g");
}

TEST(AnswerTextTest, AnotherAttemptGoesOnWhereItSaysTheSame) {
  AnswerText text;
  EXPECT_EQ(Shown(text, 1, 0, "abc"), "abc");
  EXPECT_EQ(Shown(text, 2, 0, "ab"), "");
  EXPECT_EQ(Shown(text, 2, 2, "cd"), "d");
  // What is left of the first one is late.
  EXPECT_EQ(Shown(text, 1, 3, "x"), "");
  EXPECT_EQ(text.Complete(Whole("abcd"))->content, "");
}

TEST(AnswerTextTest, RefusesWhatContradictsWhatWasShown) {
  AnswerText text;
  EXPECT_EQ(Shown(text, 1, 0, "abc"), "abc");
  EXPECT_EQ(text.Apply(Delta(2, 0, "aX")).status().code(), absl::StatusCode::kAborted);
  AnswerText other;
  EXPECT_EQ(Shown(other, 1, 0, "abc"), "abc");
  EXPECT_EQ(other.Complete(Whole("ab")).status().code(), absl::StatusCode::kAborted);
}

TEST(AnswerTextTest, ReasoningComesBesideContent) {
  AnswerText text;
  v1::TaskDelta delta = Delta(1, 0, "");
  delta.set_reasoning("think");
  EXPECT_EQ(text.Apply(delta)->reasoning, "think");
  EXPECT_EQ(text.Complete(Whole("a", "think more"))->reasoning, " more");
  // Told otherwise in the end.
  EXPECT_EQ(text.Complete(Whole("ab", "else"))->content, "b");
  // Another attempt thinks otherwise.
  v1::TaskDelta other = Delta(2, 0, "");
  other.set_reasoning("no");
  EXPECT_FALSE(text.Apply(other).ok());
}

}  // namespace
}  // namespace moa::gateway
