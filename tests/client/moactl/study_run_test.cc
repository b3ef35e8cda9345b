#include "client/moactl/study_run.h"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::Gt;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

StudyOptions Options(uint64_t trials = 12) {
  StudyOptions options;
  for (const char* name : {"a", "b"}) {
    v1::Agent* agent = options.base.layers().empty() ? options.base.add_layers()->add_agents()
                                                     : options.base.mutable_layers(0)->add_agents();
    agent->set_name(name);
    agent->set_model("m");
  }
  options.base.mutable_aggregator()->set_model("m");
  options.trials = trials;
  options.parallel = 3;
  options.reflect_every = 6;
  return options;
}

// Likes cold aggregators; fails at the trial it is told to.
class FakeEvaluator final : public Evaluator {
 public:
  absl::StatusOr<TrialResult> Run(const Trial& trial, const std::string& key,
                                  std::stop_token) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    keys_.push_back(key);
    if (trial.number == fails_at_) return absl::UnavailableError("out of reach");
    if (trial.number == stops_at_) {
      stop_.request_stop();
      return absl::CancelledError("interrupted");
    }
    TrialResult result{.score = 9 - 4 * trial.moa.aggregator().temperature(), .max = 10};
    result.checks = {{"cold", result.score, 10, "too warm"}};
    result.tokens = 5;
    return result;
  }
  absl::StatusOr<ReflectionReply> Rewrite(const ReflectionRequest&, const std::string& key,
                                          std::stop_token) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    keys_.push_back(key);
    return ReflectionReply{.text = R"({"edits":[{"agent":"a","system_prompt":"Be cold."}]})"};
  }

  uint64_t fails_at_ = 0;
  uint64_t stops_at_ = 0;
  std::stop_source stop_;
  std::mutex mutex_;
  std::vector<std::string> keys_;
};

struct Events {
  std::vector<uint64_t> ended;
  int batches = 0;
  int rewritings = 0;
  int replies = 0;
  StudyEvents functions() {
    return {.handed_out = [this](const Batch&) { ++batches; },
            .trial_ended = [this](const Trial& trial,
                                  const TrialResult&) { ended.push_back(trial.number); },
            .rewriting = [this](const Rewriting&) { ++rewritings; },
            .rewritten = [this](const ReflectionReply&) { ++replies; }};
  }
};

std::string PathOf(const std::string& name) {
  return absl::StrCat(testing::TempDir(), "/study_run_", getpid(), "_", name);
}

std::string Read(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

TEST(StudyRunTest, RunsToTheEndAndTellsAll) {
  ASSERT_OK_AND_ASSIGN(Study study, Study::Create(Options()));
  FakeEvaluator evaluator;
  Events events;
  EXPECT_OK(RunStudy(study, nullptr, evaluator, events.functions(), {}));
  EXPECT_THAT(events.ended, SizeIs(12));
  EXPECT_EQ(events.rewritings, 1);
  EXPECT_EQ(events.replies, 1);
  EXPECT_GE(events.batches, 4);
  EXPECT_EQ(evaluator.keys_[0].substr(0, 18), absl::StrCat("tune-", study.id(), "-"));
  EXPECT_EQ(std::count(evaluator.keys_.begin(), evaluator.keys_.end(),
                       absl::StrCat("tune-", study.id(), "-rewrite-1")),
            1);
}

// Stopped or failed in the middle, and gone on from the file: the whole is what one run would have written, but for the
// order of a batch's results.
TEST(StudyRunTest, WhatCameBackIsKeptWhenItCannotGoOn) {
  for (const bool stopped : {false, true}) {
    const std::string path = PathOf("kept");
    std::filesystem::remove(path);
    FakeEvaluator evaluator;
    (stopped ? evaluator.stops_at_ : evaluator.fails_at_) = 5;
    Events events;
    {
      ASSERT_OK_AND_ASSIGN(HistoryFile history, HistoryFile::Open(path, false));
      ASSERT_OK_AND_ASSIGN(Study study, Study::Create(Options()));
      EXPECT_THAT(
          RunStudy(study, &history, evaluator, events.functions(), evaluator.stop_.get_token()),
          StatusIs(stopped ? absl::StatusCode::kCancelled : absl::StatusCode::kUnavailable));
    }
    EXPECT_THAT(events.ended, SizeIs(5)) << "those beside the one that failed";
    ASSERT_OK_AND_ASSIGN(HistoryFile history, HistoryFile::Open(path, true));
    ASSERT_OK_AND_ASSIGN(Study study, Study::Create(Options()));
    ASSERT_OK_AND_ASSIGN(const size_t whole, ReplayHistory(history.text(), study));
    EXPECT_EQ(whole, history.text().size());
    FakeEvaluator second;
    EXPECT_OK(RunStudy(study, &history, second, events.functions(), {}));
    EXPECT_THAT(events.ended, SizeIs(12));
    ASSERT_OK_AND_ASSIGN(Study once, Study::Create(Options()));
    FakeEvaluator third;
    EXPECT_OK(RunStudy(once, nullptr, third, Events().functions(), {}));
    EXPECT_EQ(once.Result().best->config, study.Result().best->config);
    EXPECT_EQ(once.Result().best->mean, study.Result().best->mean);
  }
}

TEST(HistoryFileTest, OneProcessAtATimeHasIt) {
  const std::string path = PathOf("locked");
  ASSERT_OK_AND_ASSIGN(HistoryFile first, HistoryFile::Open(path, false));
  EXPECT_THAT(HistoryFile::Open(path, false),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("another moactl is writing this history")));
  HistoryFile moved = std::move(first);
  EXPECT_FALSE(HistoryFile::Open(path, false).ok());
}

TEST(HistoryFileTest, GrowsLineByLineAndLosesWhatIsTorn) {
  const std::string path = PathOf("grows");
  std::ofstream(path, std::ios::binary) << "one\ntw";
  {
    ASSERT_OK_AND_ASSIGN(HistoryFile file, HistoryFile::Open(path, true));
    EXPECT_EQ(file.text(), "one\ntw");
    EXPECT_OK(file.Keep(4));
    EXPECT_OK(file.Append({"two", "three"}));
    EXPECT_OK(file.Append({}));
  }
  EXPECT_EQ(Read(path), "one\ntwo\nthree\n");
}

TEST(HistoryFileTest, RefusesWhatIsNoFileOfLines) {
  EXPECT_THAT(HistoryFile::Open(PathOf("absent"), true), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(HistoryFile::Open(testing::TempDir(), false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(testing::TempDir())));
  EXPECT_THAT(HistoryFile::Open("/dev/null", false),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is no file of lines")));
}

// No file may be longer than ten bytes: the error is told, and told again, and no part of the line stays.
TEST(HistoryFileTest, AFullDiskIsToldAndNothingFollowsTheMissingLine) {
  const std::string path = PathOf("full");
  std::filesystem::remove(path);
  ASSERT_OK_AND_ASSIGN(HistoryFile file, HistoryFile::Open(path, false));
  ASSERT_OK(file.Append({"one"}));
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &limit), 0);
  const rlimit little = {.rlim_cur = 10, .rlim_max = limit.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  const absl::Status status = file.Append({"a longer line"});
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &limit), 0);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               HasSubstr(absl::StrCat(path, ": cannot be written"))));
  EXPECT_FALSE(file.Append({"two"}).ok());
  EXPECT_EQ(Read(path), "one\n");
}

}  // namespace
}  // namespace moa
