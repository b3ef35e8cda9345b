// Random walks: whatever workers, clocks and users do, the invariants hold (the driver checks them
// and compares with a replay after every step), and once the faults stop every job ends.

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
  explicit Walk(uint32_t seed) : random_(seed), job_(Spec(), seed) {}

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
    if (Pick(2) == 0) spec.moa.aggregator.fallback_models = {"qwen-3.8-27b"};
    if (Pick(3) > 0) spec.deadline = absl::Seconds(5 + Pick(300));
    if (Pick(3) == 0) {
      spec.budget.max_total_tokens = 2200 + Pick(60'000);
      if (Pick(2) == 0) spec.budget.max_upstream_calls = 1 + Pick(20);
      if (Pick(2) == 0) spec.budget.max_cost_usd = 0.002 * (1 + Pick(20));
    }
    return spec;
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
    CheckPrompt(ref.task);
    Completion completion;
    completion.content = Text(absl::StrCat("answer-", ref.task, "."));
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
  JobDriver job_;
  std::vector<AttemptRef> held_;  // by workers, of earlier owners
};

TEST(JobMachineWalkTest, InvariantsHoldOnRandomWalksAndEveryJobEnds) {
  uint32_t ends[3] = {};
  for (uint32_t seed = 1; seed <= 600; ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    Walk walk(seed);
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

}  // namespace
}  // namespace moa
