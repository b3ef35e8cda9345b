#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "common/loop/mutex.h"
#include "tests/client/lib/fake_coordinator.h"
#include "tests/client/moactl/moactl_fixture.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Document Parsed(const std::string& json) {
  Problems problems;
  const auto document = ReadJson(json, "out.json", problems);
  EXPECT_TRUE(document.has_value()) << problems.ToString() << "\n" << json;
  return document.value_or(Document());
}

// `inspect`: what would be submitted is shown, and nothing is submitted.
class InspectTest : public MoactlTest {
 protected:
  InspectTest() {
    fake_.inspect = [this](const v1::InspectJobRequest& request, v1::InspectJobResponse* plan) {
      inspected_ = request.job();
      v1::PlannedStage* stage = plan->add_stages();
      stage->set_kind(v1::STAGE_KIND_AGGREGATE);
      stage->set_times(1);
      v1::PlannedAgent* agent = stage->add_agents();
      agent->set_agent("aggregator");
      for (const v1::Message& message : request.job().messages()) *agent->add_messages() = message;
      plan->set_calls_max(1);
      plan->add_warnings("moa.aggregator.model: m is an alias");
      return grpc::Status::OK;
    };
  }
  v1::JobSpec inspected_;
};

TEST_F(InspectTest, ShowsThePlanOfAJobFile) {
  fake_.Start();
  const std::string file =
      File("inspected.yaml", "prompt: why?\nmoa:\n  aggregator:\n    model: m\n");
  EXPECT_EQ(Run({"inspect", "-f", file}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("at most 1 calls"), HasSubstr("  user:\n    why?\n")));
  EXPECT_EQ(err_, absl::StrCat("warning: ", file, ":4: moa.aggregator.model: m is an alias\n"));
  EXPECT_EQ(Run({"inspect", "-f", file, "--prompt", "and how?", "-o", "json"}), 0) << err_;
  const Document json = Parsed(out_);
  EXPECT_EQ(json.Nearest("calls_max").text, "1");
  EXPECT_EQ(json.Nearest("stages[0].agents[0].messages[0].content").text, "and how?");
  EXPECT_EQ(json.Nearest("warnings[0]").text, "moa.aggregator.model: m is an alias");
  EXPECT_TRUE(fake_.submitted().empty());
}

TEST_F(InspectTest, SaysThatAPlaceholderStandsForThePrompt) {
  fake_.Start();
  EXPECT_EQ(Run({"inspect", "--preset", "ninja"}), 0) << err_;
  EXPECT_EQ(inspected_.preset(), "ninja");
  EXPECT_EQ(inspected_.messages(0).content(), "‹your prompt›");
  EXPECT_THAT(out_, HasSubstr("    ‹your prompt›\n"));
  EXPECT_THAT(err_, HasSubstr("no prompt is given: ‹your prompt› stands for it\n"));
  EXPECT_EQ(Run({"inspect", "--preset", "ninja", "--prompt", "x"}), 0) << err_;
  EXPECT_THAT(err_, Not(HasSubstr("stands for it")));
}

TEST_F(InspectTest, RefusesWhatSubmitRefusesWithEveryMistakesPlace) {
  fake_.inspect = [](const v1::InspectJobRequest&, v1::InspectJobResponse*) {
    return InvalidJobStatus({{"moa.aggregator.model", "no such model"},
                             {"follows", "names no job"},
                             {"messages[0].content", "is too long"}});
  };
  fake_.Start();
  const std::string file = File("refused2.yaml", "moa:\n  aggregator: {model: m}\n");
  EXPECT_EQ(Run({"inspect", "-f", file, "--follows", "J9"}), 2);
  EXPECT_THAT(err_, StartsWith(absl::StrCat(file, ":2: moa.aggregator.model: no such model\n",
                                            "--follows: names no job\n"
                                            "the placeholder prompt: is too long\n")));
  EXPECT_EQ(Run({"inspect"}), 2);
  EXPECT_THAT(err_, HasSubstr("no MoA"));
  EXPECT_EQ(Run({"inspect", "-f", File("bad2.yaml", "moa: {aggregator: {}}")}), 2);
  EXPECT_THAT(err_, HasSubstr("moa.aggregator.model: is missing"));
}

TEST_F(MoactlTest, FollowsNamesTheEarlierJob) {
  ServeFinishedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"submit", "--preset", "moa", "--prompt", "and then?", "--follows", "J0"}), 0);
  EXPECT_EQ(fake_.submitted().at(0).job().follows(), "J0");
  EXPECT_EQ(Run({"submit", "-f", "-", "--follows", "J0"}, "follows: J7\nprompt: x\npreset: moa\n"),
            0);
  EXPECT_EQ(fake_.submitted().at(1).job().follows(), "J0");
}

// A whole MoA gives way to the preset, changes to a preset are made to the other one.
TEST_F(MoactlTest, APresetOfTheCommandLineKeepsTheFilesChanges) {
  ServeFinishedJobs();
  fake_.Start();
  const std::string file = "prompt: x\npreset: moa\nmoa: {aggregator: {reasoning_effort: low}}\n";
  EXPECT_EQ(Run({"submit", "-f", "-", "--preset", "ninja"}, file), 0) << err_;
  const v1::JobSpec job = fake_.submitted().at(0).job();
  EXPECT_EQ(job.preset(), "ninja");
  EXPECT_EQ(job.moa().aggregator().reasoning_effort(), "low");
}

TEST_F(MoactlTest, AMistakeInAPresetIsNotLookedForInTheMoaThatItReplaces) {
  fake_.submit = [](const v1::SubmitJobRequest&, v1::SubmitJobResponse*) {
    return InvalidJobStatus({{"moa.aggregator.model", "no such model"}});
  };
  fake_.Start();
  EXPECT_EQ(
      Run({"submit", "-f", "-", "--preset", "odd"}, "prompt: x\nmoa: {aggregator: {model: m}}\n"),
      2);
  EXPECT_THAT(err_, StartsWith("--preset: moa.aggregator.model: no such model\n"));
}

TEST_F(MoactlTest, PresetsShowsOneWhollyAsAJobFileHasIt) {
  fake_.presets = [](v1::ListPresetsResponse* response) {
    for (const char* name : {"other", "mine"}) {
      v1::Preset* preset = response->add_presets();
      preset->set_name(name);
      preset->set_description("does\nthings");
      v1::Agent* agent = preset->mutable_moa()->add_layers()->add_agents();
      agent->set_name(name);
      agent->set_model("m");
      agent->set_system_prompt("one\ntwo \x1b[31m");
      preset->mutable_moa()->mutable_aggregator()->set_model("m");
    }
    return grpc::Status::OK;
  };
  ServeFinishedJobs();
  fake_.Start();
  EXPECT_EQ(Run({"presets", "mine"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(StartsWith("# mine: does things\nmoa:\n  layers:\n"),
                          HasSubstr("\n        - name: mine\n          model: m\n"),
                          Not(HasSubstr("other")), Not(HasSubstr("\x1b"))));
  EXPECT_EQ(Run({"submit", "-f", "-", "--prompt", "x"}, out_), 0) << err_;
  EXPECT_EQ(fake_.submitted().at(0).job().moa().layers(0).agents(0).system_prompt(),
            "one\ntwo \x1b[31m");
  EXPECT_EQ(Run({"presets", "mine", "-o", "json"}), 0) << err_;
  const Document json = Parsed(out_);
  EXPECT_EQ(json.Nearest("presets").children.size(), 1u);
  EXPECT_EQ(json.Nearest("presets[0].moa.aggregator.model").text, "m");
  EXPECT_EQ(Run({"presets", "absent"}), 2);
  EXPECT_THAT(err_, HasSubstr("there is no preset absent"));
}

// `ablate`: jobs end at once; an answer names the job's agents, and a rater's score is looked up by
// the answer that it sees.
class AblateTest : public MoactlTest {
 protected:
  AblateTest() {
    fake_.inspect = [](const v1::InspectJobRequest& request, v1::InspectJobResponse*) {
      if (request.job().moa().aggregator().model() != "nobody-knows") return grpc::Status::OK;
      return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT,
                          "moa.aggregator.model: \"nobody-knows\" is no known model");
    };
    fake_.submit = [this](const v1::SubmitJobRequest& request, v1::SubmitJobResponse* response) {
      MutexLock lock(mutex_);
      const std::string id = absl::StrCat("R", ++jobs_);
      specs_[id] = request.job();
      response->set_job_id(id);
      return grpc::Status::OK;
    };
    fake_.get = [this](const v1::GetJobRequest& request, v1::Job* job) {
      MutexLock lock(mutex_);
      if (request.job_id() == "J1") {
        *job = FinishedJob("J1");
        job->set_state(state_);
        return grpc::Status::OK;
      }
      const v1::JobSpec& spec = specs_.at(request.job_id());
      job->set_job_id(request.job_id());
      job->set_state(v1::JOB_STATE_SUCCEEDED);
      job->mutable_usage()->set_upstream_calls(2);
      job->mutable_usage()->set_cost_usd(0.25);
      job->mutable_answer()->set_content(spec.moa().layers().empty() ? Rating(spec)
                                                                     : AgentsOf(spec));
      if (AgentsOf(spec) == failing_) {
        job->set_state(v1::JOB_STATE_FAILED);
        job->mutable_error()->set_message("the provider is down");
      }
      return grpc::Status::OK;
    };
    fake_.watch = [](const v1::WatchJobRequest&, grpc::ServerContext*,
                     grpc::ServerWriter<v1::WatchJobResponse>* writer) {
      v1::WatchUpdate update;
      update.mutable_event()->set_sequence(1);
      update.mutable_event()->mutable_ended()->set_state(v1::JOB_STATE_SUCCEEDED);
      Send(writer, update);
      return grpc::Status::OK;
    };
  }

  static std::string AgentsOf(const v1::JobSpec& spec) {
    std::string names = "by";
    for (const v1::Layer& layer : spec.moa().layers()) {
      for (const v1::Agent& agent : layer.agents()) absl::StrAppend(&names, " ", agent.name());
    }
    return names;
  }
  std::string Rating(const v1::JobSpec& spec) {
    for (const auto& [answer, reply] : ratings_) {
      if (absl::StrContains(spec.messages(0).content(), absl::StrCat("\n", answer, "\n"))) {
        return reply;
      }
    }
    return "none";
  }

  Mutex mutex_;
  int jobs_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, v1::JobSpec> specs_ ABSL_GUARDED_BY(mutex_);
  // Set before the program runs.
  v1::JobState state_ = v1::JOB_STATE_SUCCEEDED;
  std::string failing_;
  std::map<std::string, std::string> ratings_ = {
      {"by planner local", R"({"score": 8, "feedback": "good"})"},
      {"by local", R"({"score": 4.5, "feedback": "poor"})"},
      {"by planner", R"({"score": 9, "feedback": "better"})"}};
};

TEST_F(AblateTest, RatesTheJobWithoutEachAgentAndSumsUpWhatThatCost) {
  fake_.Start();
  EXPECT_EQ(Run({"ablate", "J1", "--repeat", "1", "--rater", "judge"}), 0) << err_;
  EXPECT_THAT(out_, testing::ContainsRegex("planner .* 4\\.50 .* -3\\.50 +earns its cost\n"));
  EXPECT_THAT(out_, testing::ContainsRegex("local .* 9\\.00 .* \\+1\\.00 +harms\n"));
  // Three variants and their ratings.
  EXPECT_THAT(out_, HasSubstr("rated by judge; spent 12 calls, 0 tokens, $1.5000\n"));
  const auto submitted = fake_.submitted();
  ASSERT_EQ(submitted.size(), 6u);
  for (const v1::SubmitJobRequest& request : submitted) {
    const v1::JobSpec& job = request.job();
    if (job.moa().layers().empty()) {
      EXPECT_EQ(job.moa().aggregator().model(), "judge");
      EXPECT_EQ(job.moa().aggregator().response_format().name(), "verdict");
    } else {
      EXPECT_EQ(job.seed(), 1u) << "variants of one run draw alike";
    }
  }
  // Whoever ends this program does not want what it started.
  for (const v1::WatchJobRequest& watched : fake_.watched()) {
    EXPECT_TRUE(watched.cancel_on_disconnect());
    EXPECT_FALSE(watched.progress());
  }
}

TEST_F(AblateTest, PrintsOneObjectForScripts) {
  fake_.Start();
  EXPECT_EQ(Run({"ablate", "J1", "-o", "json"}), 0) << err_;
  const Document json = Parsed(out_);
  EXPECT_EQ(json.Nearest("job_id").text, "J1");
  EXPECT_EQ(json.Nearest("rater").text, "gpt-oss-120b") << "the aggregator's model";
  EXPECT_EQ(json.Nearest("score.runs").text, "3");
  EXPECT_EQ(json.Nearest("agents[0].agent").text, "planner");
  EXPECT_EQ(json.Nearest("agents[0].difference").text, "-3.5");
  EXPECT_EQ(json.Nearest("agents[1].verdict").text, "harms");
  EXPECT_EQ(json.Nearest("spent.upstream_calls").text, "36");
  EXPECT_EQ(fake_.submitted().size(), 18u);
}

TEST_F(AblateTest, GoesOnWithoutRunsThatFailAndSaysSo) {
  failing_ = "by local";
  ratings_["by planner"] = "I would rather not.";
  fake_.Start();
  EXPECT_EQ(Run({"ablate", "J1", "--repeat", "1"}), 0) << err_;
  EXPECT_THAT(err_,
              testing::ContainsRegex("moactl: without planner, run 1 is left out: job R[0-9]+ "
                                     "is FAILED: the provider is down\n"));
  EXPECT_THAT(err_,
              HasSubstr("without local, run 1 is left out: the rater's reply holds no score"));
  EXPECT_THAT(out_, testing::ContainsRegex("planner .* - +- +\\?\n"));
  failing_ = "by planner local";
  EXPECT_EQ(Run({"ablate", "J1", "--repeat", "1"}), 1);
  EXPECT_THAT(err_, HasSubstr("nothing to compare with"));
}

TEST_F(AblateTest, RefusesJobsThatCannotBeAblated) {
  state_ = v1::JOB_STATE_FAILED;
  fake_.Start();
  EXPECT_EQ(Run({"ablate", "J1"}), 2);
  EXPECT_THAT(err_, HasSubstr("job J1 is FAILED; only one that has SUCCEEDED can be ablated"));
  EXPECT_EQ(Run({"ablate"}), 2);
  EXPECT_EQ(Run({"ablate", "J1", "--repeat", "0"}), 2);
  EXPECT_THAT(err_, HasSubstr("--repeat"));
  state_ = v1::JOB_STATE_SUCCEEDED;
  EXPECT_EQ(Run({"ablate", "J1", "--rater", "nobody-knows"}), 2);
  EXPECT_THAT(err_, HasSubstr("is no known model"));
  EXPECT_TRUE(fake_.submitted().empty());
}

}  // namespace
}  // namespace moa
