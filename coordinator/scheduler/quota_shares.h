#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/scheduler/quota.h"

namespace moa {

// Every living member is given this much of each quota at least, so that a first call need not wait.
inline constexpr uint32_t kQuotaToehold = 50'000;

// What a member publishes for a quota, to be read by the others. Stored as it is.
struct QuotaShareRow {
  uint64_t member = 0;  // its epoch
  QuotaKey of{};
  uint32_t share_ppm = 0;  // what it uses at most
  uint32_t need_ppm = 0;
  bool waits = false;        // has calls queued
  bool wants_whole = false;  // one of them does not fit its fair share
  uint64_t turn = 0;         // number of its last turn; 0: it had none
  bool holds = false;        // the turn is its own now
  absl::Time turn_ends =
      absl::InfiniteFuture();  // by its own clock; infinite before it has the whole
  QuotaLimits limits{};
  friend bool operator==(const QuotaShareRow&, const QuotaShareRow&) = default;
};

struct QuotaShareInput {
  uint64_t me = 0;
  // Epochs that are not declared dead, mine too. Those whose lease is over count: they may not know it yet.
  std::vector<uint64_t> members;
  std::vector<QuotaShareRow> rows;  // of all
  std::vector<QuotaNeed> needs;     // mine, with the shares that I use now
  absl::Time now;                   // by my clock
};

struct QuotaShareAnswer {
  using Shares = std::vector<std::pair<QuotaKey, uint32_t>>;
  Shares use_now;                      // lower than so far: to be used at once, committed or not
  std::vector<QuotaShareRow> publish;  // replace all rows of mine
  Shares
      use_after;  // higher: to be used when `publish` is known to be committed, and not otherwise
  std::vector<std::pair<QuotaKey, QuotaLimits>> learned;  // known to others only
};

// Settles the shares of quotas among replicas. Called on what was just read, every half second or so, and again at once
// when something had to be lowered, so that others get it soon. What is published is committed only if no member has
// changed anything since it was read.
//
//   answer = SplitQuotas({me, members, rows, scheduler.QuotaNeeds(now), now});
//   for (of, share) of answer.use_now: scheduler.SetShare(of, share, now);
//   … commit ChangeOf(input, answer), if it is needed …
//   for (of, share) of answer.use_after: scheduler.SetShare(of, share, now);
//
// A member never uses more than its row says: a lower share is used before the row says so (which the next call
// publishes), a higher one afterwards. A row never says more than what the others' rows leave. So at every instant
// the shares in use sum to kQuotaWhole at most, whatever is delayed or lost; the share of a member that died is
// free once its epoch is no member any more.
//
// Shares are fair by need (FairSplit), with a toehold for each; a member without a row counts with the toehold.
//
// Where somebody's largest call does not fit its fair share, the whole goes around among those that have calls
// waiting: a turn begins for the one whose last turn is longest ago when nobody holds it, and ends, once
// another waits, when its holder has had the whole for as long as its calls then need to fit, 2 s at least and ten
// minutes at most. The others have no share meanwhile.
//
// Pure. Of a new scheduler all shares are 0 until the first answer (SchedulerOptions::share_ppm_initial).
QuotaShareAnswer SplitQuotas(const QuotaShareInput& input);

// What of an answer's `publish` is to be written.
struct QuotaShareChange {
  std::vector<QuotaShareRow> set;  // new, or clearly changed: small needs come and go
  std::vector<QuotaKey> gone;      // rows of mine to be forgotten
  // Also without either where a share grows: it may be what its row says already, as it was lowered and nothing was
  // heard of that being committed. It may be committed still, unless something else is.
  bool needed = false;
};
QuotaShareChange ChangeOf(const QuotaShareInput& input, const QuotaShareAnswer& answer);

}  // namespace moa
