#include "client/tuner/history.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/base/status_matchers.h"
#include "tests/client/tuner/synthetic.h"

namespace moa {
namespace {

using testing::HasSubstr;

TEST(HistoryTest, AResultIsReadAsItWasWritten) {
  const TrialResult result = {.trial = 7,
                              .score = 20.1,
                              .max = 120,
                              .checks = {{"sorts", 0.1, 10, "it returned \"x\"\nand went on"}},
                              .tokens = 12345,
                              .cost_usd = 0.1 + 0.2,
                              .latency_ms = 3.25,
                              .job_id = "01J"};
  ASSERT_OK_AND_ASSIGN(const HistoryLine line, ReadHistoryLine(ResultLine(result)));
  const auto& read = std::get<TrialResult>(line);
  EXPECT_EQ(read.trial, result.trial);
  EXPECT_EQ(read.score, result.score);
  EXPECT_EQ(read.cost_usd, result.cost_usd);  // to the last bit
  EXPECT_EQ(read.checks[0].detail, result.checks[0].detail);
  EXPECT_EQ(read.checks[0].score, 0.1);
  EXPECT_EQ(ResultLine(read), ResultLine(result));
}

TEST(HistoryTest, AReplyIsReadAsItWasWritten) {
  const ReflectionReply reply = {
      .number = 2, .failure = "TRUNCATED", .text = "{\"edits\"", .tokens = 9, .job_id = "01K"};
  ASSERT_OK_AND_ASSIGN(const HistoryLine line, ReadHistoryLine(ReplyLine(reply)));
  EXPECT_EQ(ReplyLine(std::get<ReflectionReply>(line)), ReplyLine(reply));
}

TEST(HistoryTest, LinesThatCannotBeReadAreRefused) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "is empty"},
      {"{", ""},
      {"[1]", "must be a mapping"},
      {R"({"trial":1})", "type: is missing"},
      {R"({"type":"result","trial":0,"score":1,"max":1,"tokens":1,"cost_usd":0,"latency_ms":1})",
       "trial"},
      {R"({"type":"result","trial":1,"max":1,"tokens":1,"cost_usd":0,"latency_ms":1})", "score"},
      {R"({"type":"result","trial":1,"score":2,"max":1,"tokens":1,"cost_usd":0,"latency_ms":1})",
       "score: must not be above max"},
      {R"({"type":"result","trial":1,"score":0,"max":0,"tokens":1,"cost_usd":0,"latency_ms":1})",
       "max: must be above 0"},
      {R"({"type":"result","trial":1,"score":-1,"max":1,"tokens":1,"cost_usd":0,"latency_ms":1})",
       "score: must not be negative"},
      {R"({"type":"result","trial":1,"score":1,"max":1,"tokens":1,"cost_usd":-1,"latency_ms":1})",
       "cost_usd: must not be negative"},
      {R"({"type":"result","trial":1,"failure":"","tokens":1,"cost_usd":0,"latency_ms":1})",
       "failure: must not be empty"},
      {R"({"type":"result","trial":1,"score":1,"max":1,"tokens":1,"cost_usd":0,"latency_ms":1,"x":1})",
       "unknown field"},
      {R"({"type":"reply","text":"","tokens":1,"cost_usd":0})", "reflection"},
      {R"({"type":"study","format":2,"id":"x","options":{}})", "format: is 2"}};
  for (const auto& [line, message] : cases) {
    EXPECT_THAT(ReadHistoryLine(line),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)))
        << line;
  }
}

std::vector<std::string> Lines(const StudyOptions& options) {
  absl::StatusOr<Study> study = Study::Create(options);
  EXPECT_OK(study);
  return RunToEnd(*study, Additive(), 5);
}

absl::StatusOr<size_t> Replay(const StudyOptions& options, const std::vector<std::string>& lines) {
  absl::StatusOr<Study> study = Study::Create(options);
  EXPECT_OK(study);
  return ReplayHistory(absl::StrCat(absl::StrJoin(lines, "\n"), "\n"), *study);
}

TEST(HistoryTest, AnotherStudysHistoryIsRefusedWithTheDifference) {
  const StudyOptions options = OptionsFor(Additive(), 1, 12, 2);
  const std::vector<std::string> lines = Lines(options);
  EXPECT_OK(Replay(options, lines));
  const std::vector<std::pair<std::string, std::function<void(StudyOptions&)>>> changes = {
      {"base", [](StudyOptions& o) { o.base.mutable_aggregator()->set_model("m1"); }},
      {"task", [](StudyOptions& o) { o.task = "another"; }},
      {"job", [](StudyOptions& o) { o.job = "another"; }},
      {"grader", [](StudyOptions& o) { o.grader = "another"; }},
      {"seed", [](StudyOptions& o) { o.seed = 2; }},
      {"trials", [](StudyOptions& o) { o.trials = 13; }},
      {"parallel", [](StudyOptions& o) { o.parallel = 3; }},
      {"sampler", [](StudyOptions& o) { o.sampler = SamplerKind::kRandom; }},
      {"search", [](StudyOptions& o) { o.space.cycles = false; }},
      {"models", [](StudyOptions& o) { o.space.offered.pop_back(); }},
      {"fixed", [](StudyOptions& o) { o.space.fixed = {"a"}; }},
      {"reflector", [](StudyOptions& o) { o.reflector = "m1"; }},
      {"reflect_every", [](StudyOptions& o) { o.reflect_every = 9; }},
      {"tokens_max", [](StudyOptions& o) { o.tokens_max = 1'000'000; }},
      {"cost_usd_max", [](StudyOptions& o) { o.cost_usd_max = 1; }},
      {"start", [](StudyOptions& o) { o.start = 7; }},
      {"rungs",
       [](StudyOptions& o) {
         o.rungs = {1, 3};
       }},
      {"promote_share", [](StudyOptions& o) { o.promote_share = 0.5; }},
      {"confirm_share", [](StudyOptions& o) { o.confirm_share = 0.2; }},
      {"ablate_share", [](StudyOptions& o) { o.ablate_share = 0.2; }},
      {"limits", [](StudyOptions& o) { o.space.cycles_max = 2; }}};
  EXPECT_EQ(changes.size(), DescribeOptions(options).size());
  for (const auto& [name, change] : changes) {
    StudyOptions other = options;
    change(other);
    EXPECT_THAT(Replay(other, lines),
                StatusIs(absl::StatusCode::kFailedPrecondition,
                         HasSubstr(absl::StrCat("1: the history is of another study: its ", name,
                                                " is "))));
  }
}

TEST(HistoryTest, AHistoryThatWasChangedIsRefusedWithTheLine) {
  const StudyOptions options = OptionsFor(Additive(), 1, 12, 2);
  const std::vector<std::string> lines = Lines(options);
  const auto expect = [&](const std::vector<std::string>& changed, const std::string& message) {
    EXPECT_THAT(Replay(options, changed),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  // 1 study, 2 batch, 3 and 4 results, 5 batch, …
  std::vector<std::string> changed = lines;
  changed[1] = absl::StrReplaceAll(changed[1], {{"\"why\":\"new\"", "\"why\":\"repeat\""}});
  expect(changed, "2: it is not what this program decides here");
  changed = lines;
  changed.erase(changed.begin());
  expect(changed, "1: a history begins with its study");
  changed = lines;
  changed.insert(changed.begin() + 1, changed[0]);
  expect(changed, "2: a history has one beginning");
  changed = lines;
  changed.erase(changed.begin() + 1);
  expect(changed, "2: a decision before it is missing");
  changed = lines;
  changed.erase(changed.begin() + 2);
  expect(changed, "4: it is not what this program decides here");
  changed = lines;
  changed.insert(changed.begin() + 3, changed[2]);
  expect(changed, "4: trial 1 has a result already");
  changed = lines;
  changed[3] = "{\"type\":";
  expect(changed, "4: ");
  changed = lines;
  changed[3] = ReplyLine({.number = 1});
  expect(changed, "4: nobody waits for a reply to reflection 1");
  changed = lines;
  changed.push_back(changed[2]);
  expect(changed, absl::StrCat(lines.size() + 1, ": trial 1 was not handed out"));
  // A higher score leads elsewhere.
  changed = lines;
  changed[2] = ResultLine({.trial = 1, .score = 119, .max = 120, .tokens = 1});
  expect(changed, "it is not what this program decides here");
}

}  // namespace
}  // namespace moa
