#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/json/moa_json.h"
#include "common/document/document.h"
#include "common/jobfile/job_file.h"
#include "common/loop/mutex.h"
#include "tests/client/lib/fake_coordinator.h"
#include "tests/client/moactl/moactl_fixture.h"
#include "tests/client/moactl/program.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

constexpr char kBase[] =
    "name: base\nprompt: \"Write it.\"\nmoa:\n  layers:\n    - agents:\n"
    "        - {name: a, model: m0, system_prompt: \"You are a.\"}\n"
    "        - {name: b, model: m0, system_prompt: \"You are b.\"}\n"
    "  aggregator: {model: m0, system_prompt: \"You merge.\"}\n";

// A coordinator whose jobs end at once, which keeps idempotency keys, and whose grader likes model m1, a temperature of
// 0.3 in the aggregator, agent b, and the word "zero" in the aggregator's prompt.
class TuneCommandTest : public MoactlTest {
 protected:
  TuneCommandTest() {
    fake_.inspect = [](const v1::InspectJobRequest& request, v1::InspectJobResponse* response) {
      *response->mutable_job() = request.job();
      for (const v1::Layer& layer : request.job().moa().layers()) {
        for (const v1::Agent& agent : layer.agents()) {
          if (agent.model() != "nobody-knows") continue;
          return InvalidJobStatus({{"moa.layers[0].agents[0].model", "is no known model"}});
        }
      }
      return grpc::Status::OK;
    };
    fake_.models = [](v1::ListModelsResponse* response) {
      for (const char* id : {"m0", "m1", "m2"}) response->add_models()->set_id(id);
      return grpc::Status::OK;
    };
    fake_.submit = [this](const v1::SubmitJobRequest& request, v1::SubmitJobResponse* response) {
      return Submit(request, response);
    };
    fake_.get = [this](const v1::GetJobRequest& request, v1::Job* job) {
      MutexLock lock(mutex_);
      *job = jobs_.at(request.job_id());
      return grpc::Status::OK;
    };
    fake_.watch = [this](const v1::WatchJobRequest& request, grpc::ServerContext* context,
                         grpc::ServerWriter<v1::WatchJobResponse>* writer) {
      return Watch(request, context, writer);
    };
    fake_.cancel = [this](const v1::CancelJobRequest& request, v1::Job* job) {
      MutexLock lock(mutex_);
      jobs_.at(request.job_id()).set_state(v1::JOB_STATE_CANCELLED);
      changed_.NotifyAll();
      *job = jobs_.at(request.job_id());
      return grpc::Status::OK;
    };
  }

  grpc::Status Submit(const v1::SubmitJobRequest& request, v1::SubmitJobResponse* response) {
    MutexLock lock(mutex_);
    if (request.job().moa().aggregator().model() == refused_) {
      return InvalidJobStatus({{"moa.aggregator.model", "is not for you"}});
    }
    std::string& id = by_key_[request.idempotency_key()];
    response->set_existing(!id.empty());
    if (id.empty()) {
      id = absl::StrCat("R", by_key_.size());
      v1::Job& job = jobs_[id];
      job.set_job_id(id);
      *job.mutable_spec() = request.job();
      if (!request.job().grades().empty()) ++graded_;
      // The one that hangs runs until it is cancelled.
      if (graded_ < hangs_after_) {
        End(job);
      } else {
        job.set_state(v1::JOB_STATE_RUNNING);
        changed_.NotifyAll();
      }
    }
    response->set_job_id(id);
    return grpc::Status::OK;
  }

  void End(v1::Job& job) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    job.set_state(v1::JOB_STATE_SUCCEEDED);
    job.set_latency_us(1'500'000);
    const v1::Moa& moa = job.spec().moa();
    if (moa.aggregator().has_grader()) {
      job.mutable_answer()->set_content(GradeOf(jobs_.at(job.spec().grades()).spec().moa()));
      return;
    }
    job.mutable_usage()->mutable_tokens()->set_prompt_tokens(700);
    job.mutable_usage()->mutable_tokens()->set_completion_tokens(300);
    job.mutable_usage()->set_cost_usd(0.25);
    if (moa.aggregator().response_format().name() == "prompt_edits") {
      job.mutable_answer()->set_content(
          R"({"edits":[{"agent":"aggregator","system_prompt":"You merge. Mind zero."}]})");
    } else {
      job.mutable_answer()->set_content("def f(): pass");
    }
    if (failing_ && !moa.layers().empty() && failures_left_ > 0) {
      --failures_left_;
      job.set_state(v1::JOB_STATE_FAILED);
      job.mutable_error()->set_code(*failing_);
      job.mutable_error()->set_message("the provider said no");
    }
  }

  static std::string GradeOf(const v1::Moa& moa) {
    const v1::Agent& last = moa.aggregator();
    const bool zero = absl::StrContains(last.system_prompt(), "zero");
    int style = last.model() == "m1" ? 30 : 0;
    const double temperature = last.has_temperature() ? last.temperature() : 1;
    style += std::max(0, static_cast<int>(20 - 20 * std::abs(temperature - 0.3)));
    for (const v1::Agent& agent : moa.layers(0).agents()) style += agent.name() == "b" ? 10 : 0;
    return absl::StrCat(R"({"total":)", style + (zero ? 40 : 0),
                        R"(,"max":100,"grade":"C","checks":{)", R"("zero":{"score":)",
                        zero ? 40 : 0,
                        R"(,"max":40,"detail":"it raised ZeroDivisionError"},"style":{"score":)",
                        style, R"(,"max":60,"detail":"fair"}}})");
  }

  grpc::Status Watch(const v1::WatchJobRequest& request, grpc::ServerContext* context,
                     grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    MutexLock lock(mutex_);
    while (jobs_.at(request.job_id()).state() == v1::JOB_STATE_RUNNING && !context->IsCancelled()) {
      changed_.WaitFor(mutex_, std::chrono::milliseconds(20));
    }
    v1::WatchUpdate update;
    update.mutable_event()->set_sequence(1);
    update.mutable_event()->mutable_ended()->set_state(jobs_.at(request.job_id()).state());
    Send(writer, update);
    return grpc::Status::OK;
  }

  std::vector<std::string> Tune(std::vector<std::string> args) {
    std::vector<std::string> all = {"tune",     "-f", File("base.yaml", kBase), "--trials", "24",
                                    "--models", "m1"};
    for (std::string& arg : args) all.push_back(std::move(arg));
    return all;
  }

  static std::string Read(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream(path, std::ios::binary).rdbuf();
    return text.str();
  }
  std::string Fresh(const std::string& name) {
    const std::string path = absl::StrCat(testing::TempDir(), "/moactl_", getpid(), "_", name);
    std::filesystem::remove(path);
    return path;
  }
  static Document Parsed(const std::string& json) {
    Problems problems;
    std::optional<Document> document = ReadJson(json, "out", problems);
    EXPECT_TRUE(document.has_value()) << problems.ToString() << json;
    return document ? *std::move(document) : Document{};
  }

  Mutex mutex_;
  CondVar changed_;
  std::map<std::string, std::string> by_key_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, v1::Job> jobs_ ABSL_GUARDED_BY(mutex_);
  int graded_ ABSL_GUARDED_BY(mutex_) = 0;
  int hangs_after_ ABSL_GUARDED_BY(mutex_) = 1'000'000;
  int failures_left_ ABSL_GUARDED_BY(mutex_) = 1'000'000;
  // Set before the program runs.
  std::string refused_ = "nobody-knows";
  std::optional<v1::ErrorCode> failing_;
};

TEST_F(TuneCommandTest, FindsWhatTheGraderLikesAndWritesAJobFile) {
  fake_.Start();
  const std::string out = Fresh("best.yaml");
  EXPECT_EQ(Run(Tune({"--out", out, "--rewrite-every", "8"})), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("DONE: all 24 trials have run\nspent 24 of 24 trials, "));
  EXPECT_THAT(out_, ContainsRegex("best  [0-9a-f]{12}  [0-9.]+ of 100 points in"));
  EXPECT_THAT(out_, HasSubstr("agents left out of the best configuration"));
  EXPECT_THAT(out_, ContainsRegex("prompts rewritten: 1 new ones of [1-3] replies, 0 unusable"));
  EXPECT_THAT(err_, ContainsRegex("trial 1 of 24  [0-9a-f]{12}  new  16 of 100  1,000 tokens"));
  const std::string yaml = Read(out);
  EXPECT_THAT(yaml, StartsWith("# Found by moactl tune, study "));
  EXPECT_THAT(yaml, ContainsRegex("points in [0-9]+ runs; 95 % interval "));
  Problems problems;
  const std::optional<JobFile> job = ReadJobFile(yaml, out, problems);
  ASSERT_TRUE(job.has_value()) << problems.ToString() << yaml;
  EXPECT_EQ(job->spec.messages(0).content(), "Write it.");
  EXPECT_EQ(job->spec.moa().aggregator().model(), "m1");
  EXPECT_EQ(job->spec.moa().aggregator().system_prompt(), "You merge. Mind zero.");
  EXPECT_EQ(Run({"submit", "-f", out}), 0) << err_;
}

TEST_F(TuneCommandTest, JobsNameTheStudyAndTheTrialAndAreGraded) {
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--trials", "3", "--parallel", "1", "--rewrite-every", "0", "--grader",
                      "user-metrics"})),
            0)
      << err_;
  const std::vector<v1::SubmitJobRequest> submitted = fake_.submitted();
  ASSERT_THAT(submitted, SizeIs(6));
  const v1::JobSpec& trial = submitted[0].job();
  EXPECT_THAT(trial.name(), ContainsRegex("^tune [0-9a-f]{12} trial 1$"));
  EXPECT_THAT(submitted[0].idempotency_key(), ContainsRegex("^tune-[0-9a-f]{12}-1$"));
  EXPECT_EQ(trial.seed(), 100'001u);
  EXPECT_EQ(trial.messages(0).content(), "Write it.");
  const v1::JobSpec& grade = submitted[1].job();
  EXPECT_EQ(grade.name(), absl::StrCat("grade of ", trial.name()));
  EXPECT_EQ(submitted[1].idempotency_key(), absl::StrCat(submitted[0].idempotency_key(), "-grade"));
  EXPECT_EQ(grade.grades(), "R1");
  EXPECT_EQ(grade.moa().aggregator().grader().name(), "user-metrics");
  EXPECT_THAT(grade.messages(), IsEmpty());
  // Whoever kills this program may come back for them.
  for (const v1::WatchJobRequest& watched : fake_.watched()) {
    EXPECT_FALSE(watched.cancel_on_disconnect());
  }
}

TEST_F(TuneCommandTest, PrintsOneObjectForScripts) {
  fake_.Start();
  EXPECT_EQ(Run(Tune({"-o", "json"})), 0) << err_;
  const Document json = Parsed(out_);
  EXPECT_EQ(json.Nearest("state").text, "DONE");
  EXPECT_EQ(json.Nearest("spent.trials").text, "24");
  EXPECT_EQ(json.Nearest("max").text, "100.0");
  EXPECT_EQ(json.Nearest("best.config").text.size(), 12u);
  EXPECT_EQ(json.Nearest("base.settings").Find("aggregator.model")->text, "m0");
  EXPECT_EQ(json.Nearest("base.mean").text, "16.0");
  EXPECT_GE(json.Nearest("front").children.size(), 1u);
  EXPECT_GE(json.Nearest("ranking").children.size(), 8u);
  EXPECT_EQ(out_.find('\n'), out_.size() - 1) << "one line";
}

// Killed at whatever trial: the jobs that it had paid for are found again, and the result is the same.
TEST_F(TuneCommandTest, AKilledStudyGoesOnToTheSameResult) {
  fake_.Start();
  EXPECT_EQ(Run(Tune({"-o", "json", "--parallel", "3"})), 0) << err_;
  const std::string expected = out_;
  size_t jobs = 0;
  {
    MutexLock lock(mutex_);
    jobs = jobs_.size();
    jobs_.clear();
    by_key_.clear();
    graded_ = 0;
    hangs_after_ = 8;
  }
  const std::string history = Fresh("killed.jsonl");
  std::vector<std::string> args = Tune({"--parallel", "3", "--history", history});
  Program program({args, "", {"MOA_COORDINATOR=" + fake_.address()}, false});
  {
    MutexLock lock(mutex_);
    while (graded_ < 8) changed_.WaitFor(mutex_, std::chrono::milliseconds(20));
  }
  program.Signal(SIGKILL);
  EXPECT_EQ(program.Wait(), -1);
  {
    // The coordinator has gone on without it.
    MutexLock lock(mutex_);
    hangs_after_ = 1'000'000;
    for (auto& [id, job] : jobs_) {
      if (job.state() == v1::JOB_STATE_RUNNING) End(job);
    }
    changed_.NotifyAll();
  }
  // A line that was torn.
  std::ofstream(history, std::ios::app | std::ios::binary) << "{\"type\":\"result\",\"tri";
  EXPECT_EQ(Run({"tune", "--resume", history, "-o", "json"}), 0) << err_;
  EXPECT_EQ(out_, expected);
  {
    MutexLock lock(mutex_);
    EXPECT_EQ(jobs_.size(), jobs) << "nothing was paid for twice";
  }
  // … and once more, with nothing left to do, by the other way of saying it.
  const size_t submitted = fake_.submitted().size();
  args.insert(args.end(), {"-o", "json"});
  EXPECT_EQ(Run(args), 0) << err_;
  EXPECT_EQ(out_, expected);
  EXPECT_EQ(fake_.submitted().size(), submitted);
}

TEST_F(TuneCommandTest, CtrlCCancelsWhatRunsAndKeepsTheHistory) {
  const std::string history = Fresh("interrupted.jsonl");
  {
    MutexLock lock(mutex_);
    hangs_after_ = 6;
  }
  fake_.Start();
  Program program(
      {Tune({"--history", history}), "", {"MOA_COORDINATOR=" + fake_.address()}, false});
  {
    MutexLock lock(mutex_);
    while (graded_ < 6) changed_.WaitFor(mutex_, std::chrono::milliseconds(20));
  }
  program.Signal(SIGINT);
  EXPECT_EQ(program.Wait(), 130) << program.err();
  EXPECT_THAT(program.out(), HasSubstr("INTERRUPTED"));
  EXPECT_THAT(program.err(), HasSubstr(absl::StrCat("to go on: moactl tune --resume ", history)));
  {
    MutexLock lock(mutex_);
    hangs_after_ = 1'000'000;
    size_t cancelled = 0;
    for (const auto& [id, job] : jobs_) {
      EXPECT_NE(job.state(), v1::JOB_STATE_RUNNING) << id;
      cancelled += job.state() == v1::JOB_STATE_CANCELLED ? 1 : 0;
    }
    EXPECT_GE(cancelled, 1u);
  }
  // Jobs that were cancelled say nothing: others are run in their place.
  EXPECT_EQ(Run({"tune", "--resume", history, "-o", "json"}), 0) << err_;
  const std::string resumed = out_;
  EXPECT_EQ(Run(Tune({"-o", "json"})), 0) << err_;
  EXPECT_EQ(Parsed(resumed).Nearest("best.mean").text, Parsed(out_).Nearest("best.mean").text);
  EXPECT_EQ(Parsed(resumed).Nearest("spent.trials").text, "24");
}

TEST_F(TuneCommandTest, ATrialThatFailsByItselfHasNoPoints) {
  failing_ = v1::ERROR_CODE_CONTEXT_LENGTH_EXCEEDED;
  {
    MutexLock lock(mutex_);
    failures_left_ = 2;
  }
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--parallel", "1"})), 0) << err_;
  EXPECT_THAT(err_, ContainsRegex("trial 1 of 24  [0-9a-f]{12}  new  failed: job R1 is FAILED: the "
                                  "provider said no"));
  EXPECT_THAT(out_, HasSubstr("24 of 24 trials (2 failed)"));
}

TEST_F(TuneCommandTest, AConfigurationThatIsRefusedHasNoPoints) {
  refused_ = "m1";
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--seed", "2"})), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("failed: refused: moa.aggregator.model: is not for you  0 tokens"));
  EXPECT_THAT(out_, ContainsRegex("\\([0-9]+ failed\\)"));
}

// The provider's trouble is no configuration's: the trial is run again under another key.
TEST_F(TuneCommandTest, WhatIsNobodysFaultIsRunAgain) {
  failing_ = v1::ERROR_CODE_QUOTA_EXCEEDED;
  {
    MutexLock lock(mutex_);
    failures_left_ = 2;
  }
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--parallel", "1", "--trials", "4", "--rewrite-every", "0"})), 0) << err_;
  EXPECT_THAT(err_, HasSubstr("trying again: job R1 is FAILED: the provider said no"));
  EXPECT_THAT(out_, HasSubstr("spent 4 of 4 trials, 6,000 tokens"));
  EXPECT_THAT(fake_.submitted().at(1).idempotency_key(), ContainsRegex("-1-2$"));
  EXPECT_THAT(fake_.submitted().at(2).idempotency_key(), ContainsRegex("-1-3$"));
}

TEST_F(TuneCommandTest, TroubleThatStaysEndsItUntilItIsResumed) {
  failing_ = v1::ERROR_CODE_UNAUTHORIZED;
  const std::string history = Fresh("trouble.jsonl");
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--parallel", "1", "--history", history})), 1);
  EXPECT_THAT(err_, AllOf(HasSubstr("moactl: job R3 is FAILED: the provider said no"),
                          HasSubstr("to go on: moactl tune --resume")));
  EXPECT_THAT(out_, HasSubstr("INTERRUPTED"));
  EXPECT_THAT(fake_.submitted(), SizeIs(3));
  {
    MutexLock lock(mutex_);
    failures_left_ = 0;
  }
  EXPECT_EQ(Run({"tune", "--resume", history}), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("24 of 24 trials"));
}

TEST_F(TuneCommandTest, NothingThatCanBeGradedIsAFailure) {
  failing_ = v1::ERROR_CODE_INVALID_REQUEST;
  fake_.Start();
  const std::string out = Fresh("none.yaml");
  EXPECT_EQ(Run(Tune({"--out", out})), 1);
  EXPECT_THAT(out_, HasSubstr("FAILED: none of 8 trials could be graded"));
  EXPECT_FALSE(std::filesystem::exists(out));
}

TEST_F(TuneCommandTest, StopsAtTheLimitOfTokensWithWhatItHas) {
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--max-tokens", "15500", "--rewrite-every", "0"})), 0) << err_;
  EXPECT_THAT(out_, HasSubstr("DONE: the limit of 15500 tokens does not hold another trial"));
  EXPECT_THAT(out_, HasSubstr("spent 15 of 24 trials, 15,000 tokens"));
}

TEST_F(TuneCommandTest, ATerminalShowsATableThatIsDrawnInPlace) {
  fake_.Start();
  EXPECT_EQ(Run(Tune({}), "", true), 0) << screen_;
  EXPECT_THAT(screen_, AllOf(HasSubstr("trials are running"), HasSubstr("expected"),
                             HasSubstr("\x1b["), Not(HasSubstr("trial 1 of 24"))));
}

TEST_F(TuneCommandTest, TheBestConfigurationCanGoToStandardOutput) {
  fake_.Start();
  EXPECT_EQ(Run(Tune({"--out", "-"})), 0) << err_;
  Problems problems;
  EXPECT_TRUE(ReadJobFile(out_, "out.yaml", problems).has_value()) << problems.ToString();
  EXPECT_THAT(err_, HasSubstr("best expected scores"));
}

TEST_F(TuneCommandTest, BadFlagsAreNamed) {
  fake_.Start();
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{"--trials", "0"}, "--trials"},
      {{"--parallel", "65"}, "--parallel"},
      {{"--search", "moods"}, "--search"},
      {{"--sampler", "grid"}, "--sampler"},
      {{"--max-cost", "-1"}, "--max-cost"},
      {{"--max-temperature", "3"}, "--max-temperature"},
      {{"--models", "m11"}, "--models: there is no model \"m11\"; did you mean m1?"},
      {{"--rewriter", "nobody"}, "--rewriter: there is no model \"nobody\""},
      {{"--fix", "c"}, "--fix: there is no agent \"c\"; there are: a, b, aggregator"},
      {{"--fix", "a,b,aggregator", "--search", "models"}, "--search: nothing is left to search"},
      {{"--grader", "absent.yaml"}, "--grader: "},
      {{"--grader", File("bad.yaml", "name: x\n")}, "bad.yaml:1: "},
      {{"--history", "/absent/file"}, "--history: /absent/file: "},
      {{"--out", "-", "-o", "json"}, "--out - and -o json would both write standard output"},
      {{"--resume", "x.jsonl"}, "leave it out: with --resume the history says it"}};
  for (const auto& [args, message] : cases) {
    EXPECT_EQ(Run(Tune(args)), 2) << message;
    EXPECT_THAT(err_, HasSubstr(message));
  }
  EXPECT_EQ(Run({"tune", "--preset", "moa", "-f", File("none.yaml", "prompt: x\nmo: 1\n")}), 2);
  EXPECT_THAT(err_, HasSubstr("none.yaml:2: mo: "));
  EXPECT_EQ(Run({"tune"}), 2);
  EXPECT_THAT(err_, HasSubstr("the job has no MoA"));
  std::string bad = kBase;
  bad.replace(bad.find("m0"), 2, "nobody-knows");
  const std::string file = File("unknown.yaml", bad);
  EXPECT_EQ(Run({"tune", "-f", file}), 2);
  EXPECT_THAT(err_, HasSubstr(absl::StrCat(file, ":6: ")));
  EXPECT_THAT(fake_.submitted(), IsEmpty());
}

TEST_F(TuneCommandTest, HistoriesThatCannotBeGoneOnFromAreRefusedWithTheLine) {
  fake_.Start();
  const std::string history = Fresh("refused.jsonl");
  EXPECT_EQ(Run(Tune({"--history", history})), 0) << err_;
  EXPECT_EQ(Run(Tune({"--history", history, "--seed", "7"})), 2);
  EXPECT_THAT(err_, HasSubstr(absl::StrCat(history,
                                           ":1: the history is of another study: its seed "
                                           "is \"1\", this one's \"7\"")));
  const std::vector<std::string> lines = absl::StrSplit(Read(history), '\n');
  EXPECT_EQ(Run({"tune", "--resume", File("second.jsonl", absl::StrCat(lines[1], "\n"))}), 2);
  EXPECT_THAT(err_, HasSubstr("second.jsonl:1: is no history of moactl tune"));
  EXPECT_EQ(Run({"tune", "--resume", File("odd.jsonl", absl::StrCat(lines[0], "\n{}\n"))}), 2);
  EXPECT_THAT(err_, HasSubstr("odd.jsonl:2: type: "));
  EXPECT_EQ(Run({"tune", "--resume", File("empty.jsonl", "")}), 2);
  EXPECT_THAT(err_, HasSubstr("empty.jsonl:1: is no history"));
  EXPECT_EQ(Run({"tune", "--resume", Fresh("absent.jsonl")}), 2);
  EXPECT_THAT(err_, HasSubstr("--resume: "));
  EXPECT_EQ(Run(Tune({"--history", File("text.jsonl", "hello\n")})), 2);
  EXPECT_THAT(err_, HasSubstr("text.jsonl:1: "));
  EXPECT_EQ(Read(File("text.jsonl", "hello\n")), "hello\n") << "what is no history stays as it is";
}

TEST_F(TuneCommandTest, AnUnreachableCoordinatorIsToldApart) {
  EXPECT_EQ(Program({{"tune", "--preset", "moa", "--prompt", "x", "--coordinator", "127.0.0.1:1"},
                     "",
                     {},
                     false})
                .Wait(),
            3);
}

}  // namespace
}  // namespace moa
