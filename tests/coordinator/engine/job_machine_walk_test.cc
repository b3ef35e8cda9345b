// Random walks: whatever workers, clocks and users do, the invariants hold (the driver checks them
// and compares with a replay after every step), and once the faults stop every job ends. With plain
// layers, and with critics, routers, votes and early ends, whatever those say.

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/job_driver.h"

namespace moa {
namespace {

class Walk {
 public:
  Walk(uint32_t seed, bool flows) : random_(seed), flows_(flows), job_(Spec(), seed) {}

  void Step() {
    const uint32_t dice = Pick(100);
    if (dice < 33) return DispatchOne();
    if (dice < 55) return FinishOne();
    if (dice < 72) return FailOne();
    if (dice < 77) return HedgeOne();
    if (dice < 79) return CloseOne();
    if (dice < 82) return ReportOne();
    if (dice < 88) return job_.Wait(absl::Milliseconds(Pick(4000)));
    if (dice < 94) return Stale();
    if (dice < 97) return AdoptOne();
    if (dice < 99) {
      for (const auto& [ref, worker] : job_.running()) held_.push_back(ref);
      return job_.Restart();
    }
    if (Pick(10) == 0) job_.Cancel("enough");
  }

  // No more faults: every job ends.
  void Drain() {
    for (int i = 0; i < 10'000 && !job_.machine().ended(); ++i) {
      if (!job_.queued().empty()) {
        DispatchOne();
      } else if (!job_.running().empty()) {
        FinishOne();
      } else {
        job_.Wait(absl::Seconds(1));
      }
    }
  }

  JobDriver& job() { return job_; }

 private:
  uint32_t Pick(uint32_t below) { return static_cast<uint32_t>(random_() % below); }

  JobSpec Spec() {
    JobSpec spec = MakeJob(Pick(4), 1 + Pick(4), 1 + Pick(2));
    for (Layer& layer : spec.moa.layers) {
      for (Agent& agent : layer.agents) {
        agent.samples = 1 + Pick(2);
        if (Pick(3) == 0) agent.system_prompt = Text("With {helper_response}: {}");
        if (Pick(2) == 0) agent.fallback_models = {"qwen-3.8-27b", "another"};
      }
      if (Pick(3) == 0) {
        layer.quorum = Quorum{.min = 1 + Pick(4), .grace = absl::Milliseconds(Pick(2) * 700)};
      }
    }
    if (flows_) AddFlows(&spec);
    if (Pick(2) == 0 && !spec.moa.best_answer) {
      spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
    }
    if (Pick(3) > 0) spec.deadline = absl::Seconds(5 + Pick(300));
    if (Pick(3) == 0) {
      spec.budget.max_total_tokens = 2200 + Pick(60'000);
      if (Pick(2) == 0) spec.budget.max_upstream_calls = 1 + Pick(20);
      if (Pick(2) == 0) spec.budget.max_cost_usd = 0.002 * (1 + Pick(20));
    }
    return spec;
  }

  void AddFlows(JobSpec* spec) {
    for (Layer& layer : spec->moa.layers) {
      uint32_t answers = 0;
      for (Agent& agent : layer.agents) {
        answers += agent.samples;
        agent.sees = static_cast<Sees>(Pick(3));
      }
      if (Pick(3) == 0) {
        layer.route = Route{.router = MakeAgent("router"),
                            .top = 1 + Pick(static_cast<uint32_t>(layer.agents.size()))};
      }
      if (Pick(4) == 0) layer.enough = Enough{.answers = 1 + Pick(answers), .confidence = 0.5};
      if (Pick(5) == 0) layer.early_exit = EarlyExit{.match = Match::kNumber, .min_agree = 2};
      if (Pick(2) == 0) {
        layer.critique = AnyCritique();
      } else if (Pick(3) == 0) {
        layer.vote = Vote{.match = Match::kNumber, .min_agree = Pick(3)};
      }
    }
    spec->moa.references.shuffle = Pick(2) == 0;
    if (Pick(3) == 0) spec->moa.references.drop_similar = 0.9;
    if (Pick(3) == 0 && !spec->moa.layers.empty()) {
      spec->moa.best_answer = true;
      spec->moa.aggregator = Agent();
    }
  }

  Critique AnyCritique() {
    Critique critique{.scope = static_cast<Critique::Scope>(Pick(2)),
                      .verdict = static_cast<Critique::Verdict>(Pick(2)),
                      .keep = Pick(3),
                      .accept_min = Pick(3),
                      .rounds = 1 + Pick(3),
                      .feedback = static_cast<Critique::Feedback>(Pick(3)),
                      .may_end = Pick(2) == 0};
    critique.critics.push_back(MakeAgent("critic"));
    if (Pick(2) == 0) critique.critics.push_back(MakeAgent("another critic"));
    if (critique.rounds > 1) critique.escalate.push_back({.max_completion_tokens = 4000});
    return critique;
  }

  // What a model might say in the task's role, useful or not.
  std::string AnyReply(uint32_t task) {
    switch (job_.machine().plan().stages[job_.machine().plan().tasks[task].stage].kind) {
      case StageKind::kPropose:
      case StageKind::kAggregate:
        return absl::StrCat("answer-", task, ".", flows_ ? absl::StrCat(" It is ", Pick(3)) : "",
                            flows_ && Pick(2) == 0 ? " Confidence: 0.9" : "");
      case StageKind::kRoute:
        return Pick(4) == 0 ? "nobody" : absl::StrCat(R"({"agents": ["a)", 1 + Pick(4), R"("]})");
      case StageKind::kCritique:
        break;
    }
    if (Pick(5) == 0) return "I cannot say.";
    const std::string one = absl::StrCat(R"({"accept": )", Pick(2) == 0 ? "true" : "false",
                                         R"(, "score": )", Pick(11), R"(, "feedback": "hm"})");
    return absl::StrCat(R"({"verdicts": [)", one, ",", one, R"(], "done": )",
                        Pick(3) == 0 ? "true" : "false", R"(, "accept": true, "score": )", Pick(11),
                        "}");
  }

  template <typename Map>
  AttemptRef Any(const Map& attempts) {
    auto it = attempts.begin();
    std::advance(it, Pick(static_cast<uint32_t>(attempts.size())));
    return it->first;
  }

  void DispatchOne() {
    if (job_.queued().empty()) return;
    job_.Apply(AttemptDispatched{.ref = Any(job_.queued()), .worker = "w1"});
  }

  void FinishOne() {
    if (job_.running().empty()) return;
    const AttemptRef ref = Any(job_.running());
    if (flows_) {
      Spell(job_.machine().Input(ref.task));
    } else {
      CheckPrompt(ref.task);
    }
    Completion completion;
    completion.content = Text(AnyReply(ref.task));
    completion.usage = {.prompt_tokens = 10, .completion_tokens = 5, .total_tokens = 15};
    job_.Apply(AttemptSucceeded{
        .ref = ref, .completion = completion, .run = absl::Milliseconds(Pick(500))});
  }

  void HedgeOne() {
    if (!job_.running().empty()) job_.Apply(HedgeRequested{.ref = Any(job_.running())});
  }

  void CloseOne() {
    if (job_.queued().empty()) return;
    job_.Apply(
        ModelClosed{.ref = Any(job_.queued()), .until = job_.now() + absl::Seconds(Pick(20))});
  }

  // A cancelled call's worker reports.
  void ReportOne() {
    if (job_.closing().empty()) return;
    job_.Apply(AttemptFailed{.ref = *job_.closing().begin(),
                             .error = {.code = ErrorCode::kCancelled},
                             .usage = {.total_tokens = Pick(2) * 9}});
  }

  void FailOne() {
    if (job_.running().empty()) return;
    const ErrorCode codes[] = {ErrorCode::kServerError,   ErrorCode::kQuotaExceeded,
                               ErrorCode::kWorkerLost,    ErrorCode::kInvalidRequest,
                               ErrorCode::kQueueExceeded, ErrorCode::kTruncated,
                               ErrorCode::kUnauthorized,  ErrorCode::kConnectionFailed};
    const ErrorCode code = codes[Pick(8)];
    if (code == ErrorCode::kUnauthorized && Pick(8) != 0) return;
    const std::optional<absl::Duration> after =
        Pick(2) == 0 ? std::nullopt : std::make_optional(absl::Seconds(Pick(20)));
    job_.Apply(AttemptFailed{.ref = Any(job_.running()),
                             .error = {.code = code, .message = "it broke"},
                             .retryable = code != ErrorCode::kInvalidRequest,
                             .retry_after = after});
  }

  void Stale() {
    const auto tasks = static_cast<uint32_t>(job_.machine().plan().tasks.size());
    const AttemptRef ref{job_.machine().id(), Pick(tasks + 2), 100 + Pick(3), job_.epoch()};
    const uint64_t stale = job_.machine().stale_events();
    const uint32_t kind = Pick(3);
    if (kind == 0) job_.Apply(AttemptDispatched{.ref = ref});
    if (kind == 1) job_.Apply(AttemptSucceeded{.ref = ref});
    if (kind == 2) job_.Apply(AttemptFailed{.ref = ref});
    EXPECT_EQ(job_.machine().stale_events(), stale + 1);
  }

  void AdoptOne() {
    if (held_.empty()) return;
    job_.Apply(AttemptAdopted{.ref = held_[Pick(static_cast<uint32_t>(held_.size()))]});
  }

  // The prompt holds exactly the accepted answers of the stage before.
  void CheckPrompt(uint32_t index) {
    const Plan& plan = job_.machine().plan();
    const uint32_t stage = plan.tasks[index].stage;
    const std::string prompt = Spell(job_.machine().Input(index));
    // The stage before is the last that was started before it.
    uint32_t last = stage;
    for (const LayerStarted& started : job_.RecordsOf<LayerStarted>()) {
      if (started.stage < stage) last = started.stage;
    }
    for (uint32_t i = 0; i < plan.tasks.size(); ++i) {
      const bool before = last < stage && plan.tasks[i].stage == last;
      const bool accepted = job_.task(i).state == TaskState::kSucceeded;
      EXPECT_EQ(prompt.find(absl::StrCat("answer-", i, ".")) != std::string::npos,
                before && accepted)
          << "task " << index << " and answer " << i;
    }
  }

  std::mt19937 random_;
  const bool flows_;
  JobDriver job_;
  std::vector<AttemptRef> held_;  // by workers, of earlier owners
};

class JobMachineWalkTest : public testing::TestWithParam<bool> {};

TEST_P(JobMachineWalkTest, InvariantsHoldOnRandomWalksAndEveryJobEnds) {
  uint32_t ends[3] = {};
  for (uint32_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Walk walk(seed, GetParam());
    for (int step = 0; step < 150 && !walk.job().machine().ended(); ++step) walk.Step();
    walk.Drain();
    ASSERT_TRUE(walk.job().machine().ended());
    ASSERT_FALSE(testing::Test::HasFailure());
    ++ends[static_cast<size_t>(walk.job().machine().state()) -
           static_cast<size_t>(JobState::kSucceeded)];
  }
  // The walks are worth something only if they reach every end.
  EXPECT_GT(ends[0], 20u);
  EXPECT_GT(ends[1], 20u);
  EXPECT_GT(ends[2], 5u);
}

INSTANTIATE_TEST_SUITE_P(Layers, JobMachineWalkTest, testing::Bool(), [](const auto& instance) {
  return instance.param ? "WithFlows" : "Plain";
});

}  // namespace
}  // namespace moa
