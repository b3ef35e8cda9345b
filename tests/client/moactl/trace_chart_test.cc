#include "client/moactl/trace_chart.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/display_text.h"
#include "tests/common/trace/trace_sample.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr size_t kUncut = std::numeric_limits<size_t>::max();

std::string Text(const std::vector<StyledLine>& lines, bool color = false) {
  std::string text = "\n";
  for (const StyledLine& line : lines) absl::StrAppend(&text, Render(line, kUncut, color), "\n");
  return text;
}

JobTrace Sample() { return MakeTrace(TracedJob(), TracedEvents().events()); }

TEST(TraceChartTest, DrawsEveryCallOnOneAxisAndTheSums) {
  EXPECT_EQ(Text(TraceChart(Sample(), 80)), R"(
job J1 SUCCEEDED (degraded) after 1.00 s  trip
             |0        |200 ms   |400 ms   |600 ms   |800 ms
layer 1 round 1  594 ms
* planner    ··░░░░░████████████████████-                       500 ms
  local      xxxxx···xxxxx··███████████████                     failed ×3
  spare      ·                                                  skipped
aggregator  396 ms
* aggregator                               ·░░░███████████████  350 ms ×2 hedged
· waiting  x failed attempt  ░ until the first token  █ answering
- until recorded  ~ end not known  * longest call of its stage
where the time went
  queueing         66.0 ms    6.6%  until these calls were sent, with retries
  calls           850.0 ms   85.0%  the longest of each stage
    first token   150.0 ms   15.0%  of the calls
  stragglers       50.0 ms    5.0%  other calls that were over later
  added            34.0 ms    3.4%  by the system: all the rest
  latency        1000.0 ms  100.0%  since acceptance
)");
}

TEST(TraceChartTest, FitsANarrowTerminal) {
  const std::vector<StyledLine> lines = TraceChart(Sample(), 40);
  EXPECT_EQ(Text(lines), R"(
job J1 SUCCEEDED (degraded) after 1.00 s
             |0      |500 ms
layer 1 round 1  594 ms
* planner    ·░███████        500 ms
  local      xx·x·█████       failed ×3
  spare      ·                skipped
aggregator  396 ms
* aggregator           ░█████ 350 ms ×2…
· waiting  x failed attempt
░ until the first token  █ answering
- until recorded  ~ end not known
* longest call of its stage
where the time went
  queueing         66.0 ms    6.6%
  calls           850.0 ms   85.0%
    first token   150.0 ms   15.0%
  stragglers       50.0 ms    5.0%
  added            34.0 ms    3.4%
  latency        1000.0 ms  100.0%
)");
  for (const StyledLine& line : lines) EXPECT_LE(DisplayWidth(Render(line, kUncut, false)), 40u);
}

TEST(TraceChartTest, AddsColoursWithoutChangingTheText) {
  EXPECT_THAT(Text(TraceChart(Sample(), 80), true),
              AllOf(HasSubstr("\x1b[32m████"), HasSubstr("\x1b[31m████"), HasSubstr("\x1b[33m░░"),
                    HasSubstr("\x1b[1m* planner")));
}

// The agent's name is as long as names get, and a peer put controls into it.
TEST(TraceChartTest, ShortensNamesAndTakesControlsOutOfThem) {
  v1::Job job = TracedJob();
  job.mutable_spec()->set_name(absl::StrCat("na\x1bme\n", std::string(200, 'x')));
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, {absl::StrCat("e\x1b[31mvil\xFF", std::string(60, 'x'))});
  log.Finish(90, 0, v1::TASK_STATE_SUCCEEDED, {0, 90, 0});
  log.Start(95, 2, v1::STAGE_KIND_PROPOSE, {"one of many samples"})
      .mutable_tasks(0)
      ->set_sample(11);
  log.End(100, v1::JOB_STATE_SUCCEEDED);
  const std::vector<StyledLine> lines = TraceChart(MakeTrace(job, log.events()), 80);
  EXPECT_THAT(Text(lines), AllOf(HasSubstr("  one of many sam… #12 "),
                                 HasSubstr("* e[31mvil\xEF\xBF\xBDxxxxxxxxxx… █"),
                                 Not(HasSubstr("\x1b")), HasSubstr("  name xxx")));
  for (const StyledLine& line : lines) EXPECT_LE(DisplayWidth(Render(line, kUncut, false)), 80u);
}

TEST(TraceChartTest, ShowsWhatIsUnderWay) {
  EventLog log;
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, {"a", "b"});
  v1::Job job;
  job.set_job_id("J1");
  job.set_state(v1::JOB_STATE_RUNNING);
  job.set_latency_us(12'000'000);
  v1::TaskResult* task = job.add_layers()->add_tasks();
  task->set_state(v1::TASK_STATE_RUNNING);
  task->set_attempts(2);
  const std::string text = Text(TraceChart(MakeTrace(job, log.events()), 80));
  EXPECT_THAT(text, AllOf(HasSubstr("job J1 RUNNING for 12.00 s\n"), HasSubstr("|2 s"),
                          HasSubstr("  a ~~~~"), HasSubstr("~ running ×2\n"), HasSubstr("  b ····"),
                          HasSubstr("· waiting\n")));
  EXPECT_THAT(text, testing::ContainsRegex("unfinished +12000.0 ms +100.0%"));
}

// A hundred rows keep their order and their columns; what is shorter than a cell is seen.
TEST(TraceChartTest, StaysReadableWithAHundredTasks) {
  EventLog log;
  std::vector<std::string> agents;
  agents.reserve(100);
  for (int i = 0; i < 100; ++i) agents.push_back(absl::StrCat("agent ", i));
  log.Start(0, 1, v1::STAGE_KIND_PROPOSE, agents);
  for (uint32_t i = 0; i < 100; ++i) {
    log.Finish(10 * i + 2, i, v1::TASK_STATE_SUCCEEDED, {uint64_t{10} * i, 1, 0});
  }
  log.End(1000, v1::JOB_STATE_SUCCEEDED);
  const std::vector<StyledLine> lines = TraceChart(MakeTrace(TracedJob(), log.events()), 80);
  ASSERT_GT(lines.size(), 103u);
  for (size_t i = 0; i < 100; ++i) {
    const std::string row = Render(lines[3 + i], kUncut, false);
    EXPECT_THAT(row, AllOf(HasSubstr(absl::StrCat("agent ", i, " ")), HasSubstr("█")));
    EXPECT_LE(DisplayWidth(row), 80u);
  }
}

TEST(TraceChartTest, CopesWithAJobOfWhichNothingRan) {
  EXPECT_THAT(Text(TraceChart(MakeTrace(v1::Job(), {}), 80)), HasSubstr("0.0%"));
  EXPECT_FALSE(TraceChart(Sample(), 1).empty());
}

}  // namespace
}  // namespace moa
