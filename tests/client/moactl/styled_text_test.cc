#include "client/moactl/styled_text.h"

#include <gtest/gtest.h>

#include <string>

namespace moa {
namespace {

TEST(StyledTextTest, ColoursOnlyWhenAskedAndNeverCutsAnEscape) {
  const StyledLine line = {{"ab"}, {"cdef", Style::kRed}};
  EXPECT_EQ(Render(line, 80, false), "abcdef");
  EXPECT_EQ(Render(line, 80, true), "ab\x1b[31mcdef\x1b[0m");
  EXPECT_EQ(Render(line, 4, true), "ab\x1b[31mc…\x1b[0m");
}

TEST(StyledTextTest, AlignsColumns) {
  TextTable table({1});
  table.Add({{"a"}, {"1"}, {"x"}});
  table.Add({{"long"}, {"234"}});
  const auto lines = table.Lines("> ");
  EXPECT_EQ(Render(lines[0], 80, false), "> a       1  x");
  EXPECT_EQ(Render(lines[1], 80, false), "> long  234");
}

}  // namespace
}  // namespace moa
