// Replicas, each with a scheduler of its own, against one simulated provider: they share its quota by
// SplitQuotas, called twice a second. What is to hold: together they use the quota as one would that has it
// alone, nothing is refused, and where only one of them can send at a time each has its turn.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/scheduler/quota_shares.h"
#include "coordinator/scheduler/scheduler.h"
#include "tests/coordinator/scheduler/simulated_provider.h"

namespace moa {
namespace {

const QuotaKey kOf{.key = "k", .model = "m"};
constexpr absl::Duration kTick = absl::Milliseconds(500);
// Replies tell what the limits are; until then replicas send a few calls each.
constexpr absl::Duration kLearning = absl::Seconds(5);

struct Load {
  absl::Duration starts{};    // its process
  int backlog = 0;            // so many calls always wait, beside those under way
  double calls_a_second = 0;  // that come by themselves
  bool ticked = false;
};

struct Outcome {
  double used = 0;  // tokens, of all, in the time that counts
  int refused_late = 0;
  std::vector<int> answered;  // by replica
  uint32_t in_use_max = 0;
};

class Replicas {
 public:
  Replicas(uint64_t seed, double requests, double tokens, std::vector<Load> loads)
      : random_(seed), loads_(std::move(loads)) {
    provider_.requests.level = provider_.requests.limit = requests;
    provider_.tokens.level = provider_.tokens.limit = tokens;
    outcome_.answered.resize(loads_.size());
    for (size_t i = 0; i < loads_.size(); ++i) {
      SchedulerOptions options;
      options.share_ppm_initial = loads_.size() == 1 ? kQuotaWhole : 0;
      options.hedging = false;
      schedulers_.push_back(std::make_unique<Scheduler>(options));
      schedulers_[i]->SetWorker(WorkerId("w"), {.slots = 128, .key = kOf.key});
      const absl::Time start = kSimStart + loads_[i].starts;
      At(start, [this, i] { Tick(i); });  // before anything is sent
      if (loads_[i].calls_a_second > 0) At(start, [this, i] { Arrive(i); });
      At(start, [this, i] { Pump(i); });
    }
  }

  void SetTokensOfADay(double tokens) { provider_.day.level = provider_.day.limit = tokens; }

  Outcome Run(absl::Duration length) {
    const absl::Time end = kSimStart + length;
    while (!events_.empty() && events_.begin()->first <= end) {
      now_ = std::max(now_, events_.begin()->first);
      auto action = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      action();
    }
    return outcome_;
  }

  std::pair<double, double> prompt_tokens{100, 1500};
  double completion_tokens = 800;
  absl::Time counts_from = kSimStart + absl::Minutes(1);

 private:
  double Uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  absl::Duration Way() { return absl::Microseconds(Uniform(200, 3000)); }
  void At(absl::Time when, std::function<void()> action) {
    events_.emplace(when, std::move(action));
  }

  void Tick(size_t i) {
    std::vector<uint64_t> members;
    for (size_t m = 0; m < loads_.size(); ++m) {
      if (kSimStart + loads_[m].starts <= now_) members.push_back(m + 1);
    }
    Scheduler& scheduler = *schedulers_[i];
    const QuotaShareAnswer answer = SplitQuotas({.me = i + 1,
                                                 .members = members,
                                                 .rows = Rows(),
                                                 .needs = scheduler.QuotaNeeds(now_),
                                                 .now = now_});
    rows_[i + 1] = answer.publish;
    for (const auto& [of, limits] : answer.learned) scheduler.LearnLimits(of, limits, now_);
    Use(i, answer.use_now);
    At(now_ + absl::Milliseconds(Uniform(1, 20)), [=, this] { Use(i, answer.use_after); });
    const absl::Duration next = loads_[i].ticked ? kTick : kTick * Uniform(0, 1);
    loads_[i].ticked = true;
    At(now_ + next, [this, i] { Tick(i); });
  }
  std::vector<QuotaShareRow> Rows() const {
    std::vector<QuotaShareRow> all;
    for (const auto& [member, rows] : rows_) all.insert(all.end(), rows.begin(), rows.end());
    return all;
  }
  void Use(size_t i, const QuotaShareAnswer::Shares& shares) {
    for (const auto& [of, share] : shares) schedulers_[i]->SetShare(of, share, now_);
    uint32_t in_use = 0;
    for (const auto& scheduler : schedulers_) {
      for (const QuotaNeed& need : scheduler->QuotaNeeds(now_)) in_use += need.share_ppm;
    }
    outcome_.in_use_max = std::max(outcome_.in_use_max, in_use);
    Pump(i);
  }

  void Arrive(size_t i) {
    Enqueue(i);
    Pump(i);
    At(now_ + absl::Seconds(Uniform(0, 2) / loads_[i].calls_a_second), [this, i] { Arrive(i); });
  }
  void Enqueue(size_t i) {
    const double prompt = Uniform(prompt_tokens.first, prompt_tokens.second);
    const AttemptRef ref{.job = JobId("j"), .task = next_++, .attempt = 1, .epoch = 1};
    prompts_[ref] = prompt;
    ReadyAttempt attempt{.ref = ref, .tenant = Tenant("t"), .model = kOf.model};
    attempt.accepted_at = attempt.enqueued_at = now_;
    attempt.prompt_tokens = static_cast<uint64_t>(prompt);
    attempt.completion_tokens = static_cast<uint64_t>(completion_tokens);
    schedulers_[i]->Enqueue(attempt);
  }
  void Pump(size_t i) {
    Scheduler& scheduler = *schedulers_[i];
    while (true) {
      while (static_cast<int>(scheduler.queued()) < loads_[i].backlog) Enqueue(i);
      const auto assigned = scheduler.Assign(now_);
      if (assigned.empty()) break;
      for (const Assignment& one : assigned) Send(i, one.ref);
    }
    const absl::Time wake_up = scheduler.NextWakeUp();
    if (wake_up < absl::InfiniteFuture()) At(wake_up, [this, i] { PumpIfDue(i); });
  }
  void PumpIfDue(size_t i) {
    if (schedulers_[i]->NextWakeUp() <= now_) Pump(i);
  }
  void Send(size_t i, const AttemptRef& ref) {
    const double prompt = prompts_[ref];
    prompts_.erase(ref);
    At(now_ + Way(), [=, this] {
      RateLimits headers;
      const double estimate = prompt + completion_tokens;
      if (!provider_.Admit(estimate, now_, &headers)) {
        const bool tokens_short = provider_.requests.level >= 1;
        At(now_ + Way(), [=, this] {
          if (now_ > kSimStart + kLearning) ++outcome_.refused_late;
          End(i, ref,
              {.kind = CallEnd::Kind::kQuotaRefused,
               .retry_after = absl::Seconds(1),
               .tokens_short = tokens_short,
               .headers = headers});
        });
        return;
      }
      const double used = prompt + Uniform(completion_tokens / 20, completion_tokens);
      At(now_ + absl::Milliseconds(Uniform(30, 500)), [=, this] {
        provider_.Settle(estimate, used, now_);
        At(now_ + Way(), [=, this] {
          if (now_ >= counts_from) outcome_.used += used;
          ++outcome_.answered[i];
          const auto whole = static_cast<uint64_t>(used);
          End(i, ref, {.used = {.uncached = whole, .total = whole}, .headers = headers});
        });
      });
    });
  }
  void End(size_t i, const AttemptRef& ref, const CallEnd& end) {
    schedulers_[i]->Finish(ref, end, absl::ZeroDuration(), 0, now_);
    if (++ended_ % 64 == 0) schedulers_[i]->CheckInvariants();
    Pump(i);
  }

  std::mt19937_64 random_;
  std::vector<Load> loads_;
  SimulatedProvider provider_;
  std::vector<std::unique_ptr<Scheduler>> schedulers_;
  std::map<uint64_t, std::vector<QuotaShareRow>> rows_;  // as committed
  std::map<AttemptRef, double> prompts_;
  std::multimap<absl::Time, std::function<void()>> events_;
  absl::Time now_ = kSimStart;
  uint32_t next_ = 0;
  uint32_t ended_ = 0;
  Outcome outcome_;
};

constexpr double kTokens = 1'000'000;  // a minute

double Used(uint64_t seed, std::vector<Load> loads, absl::Time counts_from) {
  Replicas replicas(seed, 6000, kTokens, std::move(loads));
  replicas.counts_from = counts_from;
  const Outcome outcome = replicas.Run(absl::Minutes(3));
  EXPECT_EQ(outcome.refused_late, 0);
  EXPECT_LE(outcome.in_use_max, kQuotaWhole);
  return outcome.used;
}

class QuotaReplicasTest : public testing::TestWithParam<uint64_t> {
 protected:
  void ExpectAsGoodAsOne(std::vector<Load> loads,
                         absl::Time counts_from = kSimStart + absl::Minutes(1)) {
    const double alone = Used(GetParam(), {{.backlog = 50}}, counts_from);
    const double together = Used(GetParam(), std::move(loads), counts_from);
    EXPECT_GT(together, 0.95 * alone);
  }
};
INSTANTIATE_TEST_SUITE_P(Seeds, QuotaReplicasTest, testing::Range<uint64_t>(1, 4));

TEST_P(QuotaReplicasTest, TwoThatAreBusyUseTheQuotaAsOneWould) {
  ExpectAsGoodAsOne({{.backlog = 50}, {.backlog = 50}});
}

TEST_P(QuotaReplicasTest, ThreeThatAreBusyUseTheQuotaAsOneWould) {
  ExpectAsGoodAsOne({{.backlog = 50}, {.backlog = 50}, {.backlog = 50}});
}

// The full bucket that was there in the beginning is used too: the first one knows of it.
TEST_P(QuotaReplicasTest, OnesThatStartOneAfterAnotherLoseNothing) {
  ExpectAsGoodAsOne({{.backlog = 50},
                     {.starts = absl::Seconds(2), .backlog = 50},
                     {.starts = absl::Seconds(5), .backlog = 50}},
                    kSimStart);
}

// The others have little to do, but for that they need what they get.
TEST_P(QuotaReplicasTest, OneOfTwoThatIsBusyGetsWhatTheOtherLeaves) {
  ExpectAsGoodAsOne({{.backlog = 50}, {.calls_a_second = 1}});
}

TEST_P(QuotaReplicasTest, OneOfThreeThatIsBusyGetsWhatTheOthersLeave) {
  ExpectAsGoodAsOne({{.backlog = 50}, {.calls_a_second = 1.2}, {.calls_a_second = 3}});
}

// A call is reserved with six tenths of what a minute allows: no fair share of several busy ones holds it.
TEST_P(QuotaReplicasTest, EachHasItsTurnWhereACallNeedsMoreThanAShare) {
  for (const size_t count : {size_t{2}, size_t{3}}) {
    Replicas replicas(GetParam(), 60, 10'000, std::vector<Load>(count, {.backlog = 2}));
    replicas.prompt_tokens = {5000, 5200};
    const Outcome outcome = replicas.Run(absl::Minutes(20));
    int all = 0;
    for (const int answered : outcome.answered) {
      EXPECT_GE(answered, 20 / static_cast<int>(count) - 2);
      all += answered;
    }
    EXPECT_GE(all, 24);
    EXPECT_EQ(outcome.refused_late, 0);
    EXPECT_LE(outcome.in_use_max, kQuotaWhole);
  }
}

// A quota of a day refills a hundredth as fast as the minute's: one that joins finds it full all the same, and each
// has its turn there too.
TEST_P(QuotaReplicasTest, ADaysQuotaIsUsedByAllUntilItIsUsedUp) {
  for (const bool large : {false, true}) {
    Replicas replicas(GetParam(), 60, 10'000,
                      {{.backlog = 2}, {.starts = absl::Seconds(30), .backlog = 2}});
    replicas.SetTokensOfADay(144'000);
    if (large) replicas.prompt_tokens = {5000, 5200};
    replicas.counts_from = kSimStart;
    const Outcome outcome = replicas.Run(absl::Minutes(40));
    EXPECT_GT(outcome.used, 0.95 * 144'000);
    for (const int answered : outcome.answered) EXPECT_GE(answered, 5);
    EXPECT_LE(outcome.refused_late, 3);
    EXPECT_LE(outcome.in_use_max, kQuotaWhole);
  }
}

}  // namespace
}  // namespace moa
