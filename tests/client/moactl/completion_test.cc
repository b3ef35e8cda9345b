#include "client/moactl/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moa {
namespace {

using testing::HasSubstr;

TEST(CompletionTest, NamesEveryCommandWithItsFlagsInEachShell) {
  const std::vector<CommandWords> commands = {{"submit", "Submit 'it'", {"--wait", "-f"}, false},
                                              {"get", "Show", {"--output"}, true},
                                              {"trace", "Draw", {"--chrome"}, true}};
  const std::string bash = CompletionScript("bash", commands);
  EXPECT_THAT(bash, HasSubstr("submit) words=\"--wait -f\""));
  EXPECT_THAT(bash,
              HasSubstr("trace) words=\"--chrome\"; [[ $cur == -* ]] || words=$(moactl list"));
  EXPECT_THAT(CompletionScript("zsh", commands), HasSubstr("bashcompinit"));
  const std::string fish = CompletionScript("fish", commands);
  EXPECT_THAT(fish, HasSubstr("-a submit -d 'Submit \\'it\\''"));
  EXPECT_THAT(fish, HasSubstr("__fish_seen_subcommand_from submit' -l wait"));
  EXPECT_THAT(fish, HasSubstr("__fish_seen_subcommand_from submit' -s f -r -F"));
  EXPECT_THAT(fish, HasSubstr("__fish_seen_subcommand_from trace' -l chrome -r -F"));
  EXPECT_EQ(CompletionScript("tcsh", commands), "");
}

}  // namespace
}  // namespace moa
