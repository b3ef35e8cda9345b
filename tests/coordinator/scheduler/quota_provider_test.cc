// The quota book against a provider of its own kind: buckets that refill continuously, an estimate of its own,
// messages that take their time and overtake each other, replies that use less than was reserved, other users of
// the same organisation. Time is simulated. What is to hold: the quota is used, and nothing is refused.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <utility>

#include "coordinator/scheduler/quota_book.h"
#include "tests/coordinator/scheduler/simulated_provider.h"

namespace moa {
namespace {

using Provider = SimulatedProvider;

const QuotaKey kOf{.key = "k", .model = "m"};

struct Outcome {
  int sent = 0;
  int refused = 0;
  int refused_late = 0;  // after the first five seconds
  double used = 0;       // tokens
  int answered = 0;
};

// Calls that want to be sent at once, always; `slots` at most under way.
class Load {
 public:
  Load(uint64_t seed, double requests, double tokens, int slots) : random_(seed), slots_(slots) {
    provider_.requests.level = provider_.requests.limit = requests;
    provider_.tokens.level = provider_.tokens.limit = tokens;
  }

  Outcome Run(absl::Duration length) {
    const absl::Time end = now_ + length;
    At(now_, [this] { Pump(); });
    while (!events_.empty() && events_.begin()->first <= end) {
      now_ = std::max(now_, events_.begin()->first);
      auto action = std::move(events_.begin()->second);
      events_.erase(events_.begin());
      action();
    }
    return outcome_;
  }
  void At(absl::Time when, std::function<void()> action) {
    events_.emplace(when, std::move(action));
  }
  // Another program of the organisation takes so many tokens a second.
  void TakeElsewhere(double tokens_a_second) {
    At(now_ + absl::Milliseconds(100), [this, tokens_a_second] {
      provider_.tokens.Level(now_);
      provider_.tokens.level = std::max(0.0, provider_.tokens.level - tokens_a_second / 10);
      TakeElsewhere(tokens_a_second);
    });
  }
  Provider& provider() { return provider_; }
  absl::Time now() const { return now_; }
  double estimate_factor = 1;  // the provider's estimate of a prompt, of ours

 private:
  double Uniform(double low, double high) {
    return std::uniform_real_distribution<double>(low, high)(random_);
  }
  absl::Duration Way() { return absl::Microseconds(Uniform(200, 3000)); }

  void Pump() {
    while (under_way_ < slots_) {
      const auto tokens = static_cast<uint64_t>(prompt_ + 800);
      const absl::Time fits = book_.FitsAt(kOf, tokens, now_);
      if (fits > now_) {
        if (fits < absl::InfiniteFuture() && fits != wake_up_) {
          wake_up_ = fits;
          At(fits, [this, fits] {
            if (fits == wake_up_) Pump();  // else it was moved
          });
        }
        return;
      }
      Send(tokens);
      prompt_ = Uniform(100, 1500);
    }
  }
  void Send(uint64_t tokens) {
    ++under_way_;
    ++outcome_.sent;
    const QuotaBook::Hold hold = book_.Send(kOf, tokens, now_);
    const double prompt = prompt_;
    At(now_ + Way(), [=, this] {
      RateLimits headers;
      const double estimate = prompt * estimate_factor + 800;
      if (!provider_.Admit(estimate, now_, &headers)) {
        At(now_ + Way(), [=, this] {
          ++outcome_.refused;
          if (now_ > kSimStart + absl::Seconds(5)) ++outcome_.refused_late;
          End(hold, {.kind = CallEnd::Kind::kQuotaRefused,
                     .retry_after = absl::Seconds(1),
                     .tokens_short = provider_.requests.level >= 1,
                     .headers = headers});
        });
        return;
      }
      const double used = prompt + Uniform(40, 800);
      At(now_ + absl::Milliseconds(Uniform(30, 500)), [=, this] {
        provider_.Settle(estimate, used, now_);
        At(now_ + Way(), [=, this] {
          outcome_.used += used;
          ++outcome_.answered;
          const auto whole = static_cast<uint64_t>(used);
          End(hold, {.used = {.uncached = whole, .total = whole}, .headers = headers});
        });
      });
    });
  }
  void End(const QuotaBook::Hold& hold, const CallEnd& end) {
    --under_way_;
    book_.End(hold, end, now_);
    Pump();
  }

  std::mt19937_64 random_;
  const int slots_;
  Provider provider_;
  QuotaBook book_;
  std::multimap<absl::Time, std::function<void()>> events_;
  absl::Time now_ = kSimStart;
  absl::Time wake_up_ = absl::InfinitePast();
  int under_way_ = 0;
  double prompt_ = 500;
  Outcome outcome_;
};

class QuotaProviderTest : public testing::TestWithParam<uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, QuotaProviderTest, testing::Range<uint64_t>(1, 9));

TEST_P(QuotaProviderTest, TokensAreUsedFullyAndNothingIsRefused) {
  Load load(GetParam(), 6000, 1'000'000, 128);
  const Outcome outcome = load.Run(absl::Minutes(2));
  const double allowed = 3'000'000;  // a full bucket and two minutes' refill
  EXPECT_GT(outcome.used, 0.95 * allowed);
  EXPECT_EQ(outcome.refused_late, 0) << "of " << outcome.sent;
}

TEST_P(QuotaProviderTest, RequestsAreUsedFullyAndNothingIsRefused) {
  Load load(GetParam(), 600, 100'000'000, 64);
  const Outcome outcome = load.Run(absl::Minutes(2));
  EXPECT_GT(outcome.answered, 0.95 * 1800);
  EXPECT_EQ(outcome.refused_late, 0) << "of " << outcome.sent;
}

TEST_P(QuotaProviderTest, AFreeTrialsLimitsAreKept) {
  Load load(GetParam(), 5, 30'000, 16);
  const Outcome outcome = load.Run(absl::Minutes(10));
  EXPECT_GE(outcome.answered, 50);
  EXPECT_EQ(outcome.refused_late, 0) << "of " << outcome.sent;
}

TEST_P(QuotaProviderTest, LimitsThatAreCutInHalfCostHardlyARefusal) {
  Load load(GetParam(), 6000, 4'000'000, 128);
  load.At(kSimStart + absl::Seconds(60),
          [&] { load.provider().SetLimits(3000, 2'000'000, load.now()); });
  const Outcome outcome = load.Run(absl::Minutes(2));
  EXPECT_LE(outcome.refused, outcome.sent / 100);
  EXPECT_GT(outcome.used, 0.9 * (4'000'000 + 4'000'000 + 2'000'000));
}

TEST_P(QuotaProviderTest, OtherUsersOfTheOrganisationAreNoticed) {
  Load load(GetParam(), 6000, 1'000'000, 64);
  load.TakeElsewhere(8000);  // half of the refill
  const Outcome outcome = load.Run(absl::Minutes(3));
  EXPECT_LE(outcome.refused, outcome.sent / 50);
  EXPECT_GT(outcome.used, 0.85 * (1'000'000 + 3 * 1'000'000 - 180 * 8000));
}

TEST_P(QuotaProviderTest, AProviderThatEstimatesHigherIsNoticed) {
  Load load(GetParam(), 6000, 1'000'000, 128);
  load.estimate_factor = 1.3;
  const Outcome outcome = load.Run(absl::Minutes(2));
  EXPECT_LE(outcome.refused_late, outcome.sent / 100);
  EXPECT_GT(outcome.used, 0.9 * 3'000'000);
}

}  // namespace
}  // namespace moa
