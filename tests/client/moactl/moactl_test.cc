#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "tests/client/lib/fake_coordinator.h"
#include "tests/client/moactl/moactl_fixture.h"
#include "tests/client/moactl/program.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_F(MoactlTest, SubmitPrintsTheIdOnceAcknowledged) {
  ServeFinishedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "[a,{b}] %s", "--deadline", "90s",
                 "--idempotency-key", "k"}),
            0)
      << err_;
  EXPECT_EQ(out_, "{\"job_id\":\"J1\",\"state\":\"QUEUED\"}\n");
  EXPECT_EQ(err_, "");
  const v1::SubmitJobRequest request = fake_.submitted().at(0);
  EXPECT_EQ(request.job().preset(), "moa");
  EXPECT_EQ(request.job().messages(0).content(), "[a,{b}] %s");
  EXPECT_EQ(request.job().deadline().seconds(), 90);
  EXPECT_EQ(request.idempotency_key(), "k");
}

TEST_F(MoactlTest, SubmitWaitPrintsTheAnswerOrTheJobsObject) {
  ServeFinishedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "x", "--wait"}), 0) << err_;
  EXPECT_EQ(out_, absl::StrCat(kAnswer, "\n"));
  EXPECT_FALSE(fake_.watched().at(0).progress());
  EXPECT_EQ(Run({"-o", "json", "submit", "--preset", "moa", "--prompt", "x", "--wait"}), 0);
  Problems problems;
  const auto json = ReadJson(out_, "out.json", problems);
  ASSERT_TRUE(json.has_value()) << problems.ToString();
  EXPECT_EQ(json->root.Find("answer")->text, kAnswer);
  EXPECT_EQ(json->root.Find("state")->text, "SUCCEEDED");
}

// What is probably not meant is said on standard error with the line; the coordinator's part of it is in the object too.
TEST_F(MoactlTest, SubmitPrintsWarningsOfTheFileAndOfTheCoordinator) {
  ServeFinishedJobs();
  fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse* response) {
    response->set_job_id("J1");
    response->add_warnings("moa.aggregator.model: old is called new now");
    return grpc::Status::OK;
  };
  fake_.Start();
  const std::string file = File("export.json",
                                "{\"ai_configuration\": {\n\"main_model\": \"old\",\n"
                                "\"layer_agents\": [], \"cycles\": 1,\n\"mood\": 1}}");
  EXPECT_EQ(Run({"-o", "json", "submit", "-f", file, "--prompt", "x"}), 0) << err_;
  EXPECT_EQ(out_,
            "{\"job_id\":\"J1\",\"state\":\"QUEUED\","
            "\"warnings\":[\"moa.aggregator.model: old is called new now\"]}\n");
  EXPECT_EQ(err_, absl::StrCat("warning: ", file,
                               ":4: ai_configuration.mood: is ignored: unknown field\n"
                               "warning: ",
                               file, ":2: ai_configuration.main_model: old is called new now\n"));
  EXPECT_EQ(fake_.submitted().at(0).job().moa().aggregator().model(), "old");
}

TEST_F(MoactlTest, SubmitWatchShowsPlainLinesWhereThereIsNoTerminal) {
  ServeFinishedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "x", "--watch"}), 0) << err_;
  EXPECT_EQ(out_, absl::StrCat(kAnswer, "\n"));
  EXPECT_THAT(err_, AllOf(HasSubstr("layer 1 round 1: started, 2 calls\n"), HasSubstr("tok/s"),
                          HasSubstr("critical path"), Not(HasSubstr("\x1b"))));
}

TEST_F(MoactlTest, WatchRedrawsInATerminalWithoutPassingOnEscapes) {
  ServeFinishedJobs();
  fake_.get = [](const v1::GetJobRequest&, v1::Job* job) {
    *job = FinishedJob("J1");
    job->mutable_answer()->set_content("evil \x1b]0;owned\x07 text");
    return grpc::Status::OK;
  };
  fake_.Start();
  EXPECT_EQ(Run({"watch", "J1"}, "", true), 0) << screen_;
  EXPECT_THAT(screen_, AllOf(HasSubstr("\x1b[2K"), HasSubstr("\x1b[32m"), HasSubstr("3/3 calls"),
                             HasSubstr("evil ]0;owned text"), Not(HasSubstr("\x1b]"))));
  EXPECT_EQ(Run({"watch", "J1"}, "", true, {"NO_COLOR=1"}), 0);
  EXPECT_THAT(screen_, AllOf(HasSubstr("\x1b[2K"), Not(HasSubstr("\x1b[32m"))));
  EXPECT_EQ(Run({"watch", "J1"}, "", true, {"TERM=dumb"}), 0);
  EXPECT_THAT(screen_, Not(HasSubstr("\x1b")));
}

TEST_F(MoactlTest, PassesAnAnswersBytesOnToAPipeAsTheyAre) {
  ServeFinishedJobs();
  const std::string bytes("a\0\xFF\x1b[1mz", 8);
  fake_.get = [bytes](const v1::GetJobRequest&, v1::Job* job) {
    *job = FinishedJob("J1");
    job->mutable_answer()->set_content(bytes);
    return grpc::Status::OK;
  };
  fake_.Start();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "x", "--wait"}), 0);
  EXPECT_EQ(out_, bytes + "\n");
}

TEST_F(MoactlTest, ExitStatusIsOneForAFailedOrCancelledJob) {
  for (const v1::JobState state : {v1::JOB_STATE_FAILED, v1::JOB_STATE_CANCELLED}) {
    ServeJobsEnded(state);
    fake_.Start();
    EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "x", "--wait"}), 1);
    EXPECT_EQ(out_, "");
    EXPECT_THAT(err_, HasSubstr("DEADLINE_EXCEEDED: took longer than 30s"));
    EXPECT_EQ(Run({"watch", "J1", "-o", "json"}), 1);
    EXPECT_THAT(out_, HasSubstr("\"error\":{\"code\":\"DEADLINE_EXCEEDED\""));
    EXPECT_EQ(Run({"get", "J1"}), 1);
    fake_.Stop();
  }
}

TEST_F(MoactlTest, ExitStatusIsTwoForWrongUsageAndNamesTheFlag) {
  fake_.Start();
  const std::vector<std::pair<std::vector<std::string>, std::string>> cases = {
      {{}, "a command is missing"},
      {{"frobnicate"}, "frobnicate"},
      {{"submit", "--frobnicate"}, "--frobnicate"},
      {{"submit", "--preset", "moa", "--prompt", "x", "--deadline", "30"}, "--deadline"},
      {{"submit", "--preset", "moa", "--prompt", "x", "--wait", "--watch"}, "--watch"},
      {{"submit", "--preset", "moa", "--prompt", "x", "--prompt-file", "y"}, "--prompt"},
      {{"submit", "--preset", "moa"}, "no prompt"},
      {{"submit", "--preset", "moa", "--prompt", ""}, "the prompt is empty"},
      {{"submit", "--prompt", "x"}, "no MoA"},
      {{"submit", "-f", "/nonexistent.yaml"}, "/nonexistent.yaml"},
      {{"submit", "-f", "-", "--prompt-file", "-"}, "standard input"},
      {{"get"}, "JOB"},
      {{"list", "--state", "odd"}, "--state"},
      {{"health", "--coordinator", "nowhere"}, "--coordinator"},
      {{"health", "-o", "xml"}, "-o"},
      {{"health", "--tls-ca", "/nonexistent.pem"}, "/nonexistent.pem"},
      {{"completion", "tcsh"}, "tcsh"},
  };
  for (const auto& [args, expected] : cases) {
    EXPECT_EQ(Run(args), 2) << expected;
    EXPECT_THAT(err_, HasSubstr(expected));
    EXPECT_EQ(out_, "");
  }
  EXPECT_TRUE(fake_.submitted().empty());
}

TEST_F(MoactlTest, ExitStatusIsTwoForAnInvalidFileWithEveryMistakesPlace) {
  fake_.Start();
  const std::string path =
      File("bad.yaml", "promt: x\nmoa:\n  aggregator:\n    model: m\n    samples: two\n");
  EXPECT_EQ(Run({"submit", "-f", path}), 2);
  EXPECT_EQ(err_,
            absl::StrCat(path, ":1: promt: unknown field; did you mean \"prompt\"?\n", path,
                         ":5: moa.aggregator.samples: must be a whole number, not \"two\"\n"));
  EXPECT_EQ(Run({"submit", "-f", "-"}, "{\"prompt\": \"x\",}"), 2);
  EXPECT_THAT(err_, StartsWith("-:1:16: not valid JSON"));
}

TEST_F(MoactlTest, ExitStatusIsTwoForAJobThatTheCoordinatorRefusesWithEveryMistakesPlace) {
  fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse*) {
    return InvalidJobStatus({{"moa.aggregator.model", "no such model"},
                             {"moa.aggregator.top_p", "must be from 0 to 1"},
                             {"messages[0].content", "is too long"}});
  };
  fake_.Start();
  const std::string path =
      File("refused.yaml", "prompt: x\nmoa:\n  aggregator:\n    name: main\n    model: m\n");
  EXPECT_EQ(Run({"submit", "-f", path}), 2);
  EXPECT_THAT(err_, StartsWith(absl::StrCat(path, ":5: moa.aggregator.model: no such model\n", path,
                                            ":3: moa.aggregator.top_p: must be from 0 to 1\n", path,
                                            ":1: prompt: is too long\n")));
  EXPECT_EQ(Run({"submit", "-f", path, "--prompt", "y"}), 2);
  EXPECT_THAT(err_, HasSubstr("--prompt: is too long\n"));
}

TEST_F(MoactlTest, ExitStatusIsTwoForAJobThatDoesNotExist) {
  ServeFinishedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"get", "J2"}), 2);
  EXPECT_EQ(err_, "moactl: no job\n");
  EXPECT_EQ(Run({"watch", "J2"}), 2);
}

TEST_F(MoactlTest, ExitStatusIsThreeWhenNobodyListensAndNamesTheAddress) {
  fake_.Start();
  fake_.Stop();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "x", "--wait"}), 3);
  EXPECT_THAT(err_, HasSubstr(fake_.address()));
  EXPECT_EQ(Run({"health"}), 3);
}

TEST_F(MoactlTest, ExitStatusIsThreeWhenTheQueueIsFull) {
  fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse*) {
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "1,000 jobs are queued");
  };
  fake_.Start();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "x"}), 3);
  EXPECT_EQ(err_, "moactl: 1,000 jobs are queued\n");
}

TEST_F(MoactlTest, TakesAPromptOfAnyBytesAndFiveMebibytes) {
  ServeFinishedJobs();
  fake_.Start();
  std::string prompt(5 << 20, 'x');
  prompt.replace(10, 8, std::string("\0\xFF{}\xC3\r\n\x1b", 8));
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt-file", "-"}, prompt), 0) << err_;
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt-file", File("prompt", prompt)}), 0) << err_;
  ASSERT_EQ(fake_.submitted().size(), 2u);
  EXPECT_TRUE(fake_.submitted()[0].job().messages(0).content() == prompt);
  EXPECT_TRUE(fake_.submitted()[1].job().messages(0).content() == prompt);
}

TEST_F(MoactlTest, TheCommandLineReplacesTheFilesPromptAndMoa) {
  ServeFinishedJobs();
  fake_.Start();
  const std::string file =
      "messages: [{role: user, content: old}]\nmoa: {aggregator: {model: m}}\nseed: 7\n";
  EXPECT_EQ(Run({"submit", "-f", "-", "--prompt", "new", "--preset", "workshop"}, file), 0) << err_;
  const v1::JobSpec job = fake_.submitted().at(0).job();
  ASSERT_EQ(job.messages_size(), 1);
  EXPECT_EQ(job.messages(0).content(), "new");
  EXPECT_EQ(job.preset(), "workshop");
  EXPECT_FALSE(job.has_moa());
  EXPECT_EQ(job.seed(), 7u);
}

// Ctrl-C while a job runs: the program ends, the job does not, and the way back is said.
TEST_F(MoactlTest, CtrlCLeavesTheJobRunningAndSaysHowToComeBack) {
  ServeFinishedJobs();
  std::atomic<bool> watched = false;
  fake_.watch = [&](const v1::WatchJobRequest&, grpc::ServerContext* context,
                    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    Send(writer, FinishedJobEvents()[0]);
    watched = true;
    while (!context->IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  };
  std::atomic<bool> cancelled = false;
  fake_.cancel = [&](const v1::CancelJobRequest&, v1::Job*) {
    cancelled = true;
    return grpc::Status::OK;
  };
  fake_.Start();
  Program program({{"submit", "--preset", "moa", "--prompt", "x", "--watch"},
                   "",
                   {"MOA_COORDINATOR=" + fake_.address()}});
  while (!watched) std::this_thread::yield();
  program.Signal(SIGINT);
  EXPECT_EQ(program.Wait(), 130);
  EXPECT_THAT(program.err(), HasSubstr("moactl watch J1"));
  EXPECT_EQ(program.out(), "");
  EXPECT_FALSE(cancelled);
}

// The coordinator dies in the middle and comes back on the same port.
TEST_F(MoactlTest, WatchSurvivesARestartOfTheCoordinator) {
  ServeFinishedJobs();
  const auto script = FinishedJobEvents();
  std::atomic<int> connections = 0;
  fake_.watch = [&](const v1::WatchJobRequest& request, grpc::ServerContext* context,
                    grpc::ServerWriter<v1::WatchJobResponse>* writer) {
    const bool first = ++connections == 1;
    for (const v1::WatchUpdate& update : script) {
      if (update.has_event() && update.event().sequence() <= request.after_sequence()) continue;
      Send(writer, update);
      if (first && update.event().sequence() == 3) {
        while (!context->IsCancelled()) std::this_thread::yield();
        return grpc::Status::CANCELLED;
      }
    }
    return grpc::Status::OK;
  };
  fake_.Start();
  const int port = fake_.port();
  Program program({{"watch", "J1"}, "", {"MOA_COORDINATOR=" + fake_.address()}});
  while (connections == 0) std::this_thread::yield();
  fake_.Stop();
  fake_.Start(port);
  EXPECT_EQ(program.Wait(), 0) << program.err();
  EXPECT_EQ(program.out(), absl::StrCat(kAnswer, "\n"));
  EXPECT_GE(connections, 2);
}

TEST_F(MoactlTest, CountsJobs) {
  fake_.count = [](const v1::CountJobsRequest& request, v1::CountJobsResponse* response) {
    v1::StateCount* count = response->add_counts();
    count->set_state(v1::JOB_STATE_SUCCEEDED);
    count->set_jobs(request.tenant() == "acme" ? 12'345 : 0);
    response->mutable_as_of()->set_seconds(1'700'000'000);
    return grpc::Status::OK;
  };
  fake_.Start();
  EXPECT_EQ(Run({"count", "--tenant", "acme"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("SUCCEEDED"), HasSubstr("12,345")));
  EXPECT_THAT(err_, HasSubstr("as of ")) << "it is old";
  EXPECT_EQ(Run({"count", "--tenant", "acme", "-o", "json"}), 0) << err_;
  EXPECT_EQ(out_, "{\"SUCCEEDED\":12345,\"as_of\":\"2023-11-14T22:13:20.000Z\"}\n");
}

TEST_F(MoactlTest, ListsJobsWorkersModelsAndPresets) {
  fake_.list = [](const v1::ListJobsRequest& request, v1::ListJobsResponse* response) {
    EXPECT_EQ(request.states(0), v1::JOB_STATE_RUNNING);
    EXPECT_EQ(request.search(), "a trip");
    for (int i = 0; i < 3; ++i) {
      v1::JobSummary* job = response->add_jobs();
      job->set_job_id(absl::StrCat("J", i));
      job->set_name("na\x1bme\n");
      job->set_state(v1::JOB_STATE_RUNNING);
    }
    return grpc::Status::OK;
  };
  fake_.workers = [](v1::ListWorkersResponse* response) {
    response->add_workers()->set_name("host-17");
    return grpc::Status::OK;
  };
  fake_.models = [](v1::ListModelsResponse* response) {
    v1::Model* model = response->add_models();
    model->set_id("gpt-oss-120b");
    model->set_tokens_per_second(1650);
    for (const char* effort : {"low", "medium"}) model->add_reasoning_efforts(effort);
    model->set_default_reasoning_effort("low");
    model->add_aliases("old");
    return grpc::Status::OK;
  };
  fake_.presets = [](v1::ListPresetsResponse* response) {
    v1::Preset* preset = response->add_presets();
    preset->set_name("moa");
    preset->mutable_moa()->add_layers()->add_agents()->set_samples(4);
    return grpc::Status::OK;
  };
  fake_.Start();
  EXPECT_EQ(Run({"list", "--state", "Running", "--limit", "2", "--search", "a trip"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("J1"), Not(HasSubstr("J2")), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(Run({"workers"}), 0);
  EXPECT_THAT(out_, HasSubstr("host-17"));
  EXPECT_EQ(Run({"models", "-o", "json"}), 0);
  EXPECT_THAT(out_, StartsWith("{\"models\":[{\"id\":\"gpt-oss-120b\""));
  EXPECT_THAT(out_, HasSubstr(R"("aliases":["old"])"));
  EXPECT_EQ(Run({"models"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("1,650"), HasSubstr("low* medium"), HasSubstr("old")));
  EXPECT_EQ(Run({"presets"}), 0);
  EXPECT_THAT(out_, HasSubstr("moa         5"));
  EXPECT_EQ(Run({"health", "-o", "json"}), 0);
  EXPECT_EQ(out_,
            absl::StrCat("{\"status\":\"SERVING\",\"coordinator\":\"", fake_.address(), "\"}\n"));
}

TEST_F(MoactlTest, CancelShowsTheJobAndSucceeds) {
  fake_.cancel = [](const v1::CancelJobRequest& request, v1::Job* job) {
    *job = FinishedJob(request.job_id());
    job->set_state(v1::JOB_STATE_CANCELLED);
    job->mutable_error()->set_code(v1::ERROR_CODE_CANCELLED);
    job->mutable_error()->set_message(request.reason());
    return grpc::Status::OK;
  };
  fake_.Start();
  EXPECT_EQ(Run({"cancel", "J1", "--reason", "wrong prompt"}), 0) << err_;
  EXPECT_EQ(out_, "job J1 CANCELLED (degraded): CANCELLED: wrong prompt\n");
}

TEST_F(MoactlTest, HelpHasExamplesForEveryCommandAndScriptsForEveryShell) {
  fake_.Start();
  EXPECT_EQ(Run({"--help"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("Exit status:"), HasSubstr("MOA_COORDINATOR")));
  for (const char* command :
       {"submit", "get", "list", "watch", "cancel", "workers", "models", "presets", "health",
        "completion", "inspect", "ablate", "trace", "tune"}) {
    EXPECT_EQ(Run({command, "--help"}), 0);
    EXPECT_THAT(out_, HasSubstr(absl::StrCat("moactl ", command))) << command;
  }
  for (const char* shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Run({"completion", shell}), 0);
    EXPECT_THAT(out_, HasSubstr("idempotency-key")) << shell;
  }
}

}  // namespace
}  // namespace moa
