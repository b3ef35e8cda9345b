#include "simulator/coder_detect.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "simulator/coder_program.h"

namespace moa::simulator::coder {
namespace {

IssueSet Set(std::initializer_list<Issue> issues) {
  IssueSet set;
  for (const Issue issue : issues) set.set(IndexOf(issue));
  return set;
}

TEST(CoderDetectTest, ReadsOffCodeWhatItWasMadeToTakeCareOf) {
  for (uint64_t seed = 0; seed < 4096; ++seed) {
    const IssueSet handled(seed);
    const std::string code = PythonOf(MakeProgram(handled, seed, seed * 3));
    ASSERT_EQ(HandledIn(code), handled) << code;
  }
}

constexpr const char* kCareful = R"(
def calculate_user_metrics(users, start_date, end_date):
    def number(value):
        try:
            return float(value)
        except (TypeError, ValueError):
            return 0.0
    def engagement(user):
        days = number(user.get("days_active"))
        if days == 0: return 0.0
        raw = number(user.get("posts")) * 2 + number(user.get("comments")) * 1.5 + number(user.get("likes")) * 0.1
        return raw / days
    active = [u for u in users if start_date <= u.get("last_login", "") <= end_date]
    scores = [engagement(u) for u in active]
    average = sum(scores) / len(active) if active else 0
    top = sorted(active, key=engagement, reverse=True)[:5]
    return {"average_engagement": average, "top_performers": top, "active_count": len(active)}
)";

constexpr const char* kCareless = R"(
def calculate_user_metrics(users, start_date, end_date):
    """Guards against division by zero, empty lists and missing keys (user.get)."""
    total = 0
    active = []
    for user in users:
        if start_date <= user['last_login'] <= end_date:
            # user.get("posts") or 0 would be safer; if days <= 0 as well
            user['engagement'] = (user['posts'] * 2 + user['comments'] * 1.5 + user['likes'] * 0.1) / user['days_active']
            total += user['engagement']
            active.append(user)
    active.sort(key=lambda u: u['engagement'])
    return {'average_engagement': total / len(users), 'top_performers': active, 'active_count': len(active)}
)";

// Code that no fragment of the simulator's is in; comments and docstrings claim what is not so.
TEST(CoderDetectTest, ReadsOtherPeoplesCode) {
  EXPECT_EQ(HandledIn(kCareful), IssueSet().set());
  EXPECT_EQ(HandledIn(kCareless), Set({Issue::kFewer}));
}

TEST(CoderDetectTest, TakesTheLastBlockThatDefinesTheFunction) {
  const std::string first = "def calculate_user_metrics(users):\n    return 1\n";
  const std::string second = "def calculate_user_metrics(users):\n    return 2\n";
  const std::string answer = absl::StrCat("So:\n```python\n", first, "```\nNo:\n```py\n", second,
                                          "```\nFor example:\n```\nprint(1)\n```\n");
  EXPECT_EQ(CodeIn(answer), absl::StrCat("\n", second));
  EXPECT_EQ(CodeIn(second), "");
  EXPECT_EQ(CodeIn("```python\ndef other():\n    return 1\n```"), "");
  // A stub to be filled in is no implementation.
  EXPECT_EQ(CodeIn("```python\ndef calculate_user_metrics(users):\n    ...\n```"), "");
  EXPECT_EQ(ProseOf("a ```b``` c"), "a \n c\n");
}

// Names without end and signs that nearly match: the work stays bounded.
TEST(CoderDetectTest, BoundsItsWork) {
  std::string code;
  for (int i = 0; i < 200'000; ++i) code += "if=[";
  code += std::string(1 << 20, 'x');
  EXPECT_TRUE(HandledIn(code)[IndexOf(Issue::kMutation)]);
}

}  // namespace
}  // namespace moa::simulator::coder
