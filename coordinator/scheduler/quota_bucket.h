#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace moa {

// This side's copy of one of the provider's buckets: `limit` at most, refilled by limit / period a second,
// lowered by what is reserved. It exists once the limit is known, from the configuration or a header.
//
// Every reply may say what remained in the provider's bucket when its call was let in. The difference to what
// this copy held when the same call was reserved is an error of the copy (other users of the organisation, other
// estimates) or a coincidence (calls overtake each other on the way). What exceeds all that was under way can
// be no coincidence and is corrected at once; of the rest each report corrects a part, the smaller the more
// calls were under way. The reservation remembers what had been corrected by then, so that calls that were
// under way together do not correct the same error several times.
//
// Two things are learned from the corrections. What keeps being taken elsewhere lowers the refill that is counted
// on (`drain`), so that the copy does not run ahead between reports. And their usual size is kept back, so that
// the last call that fits here fits there.
//
// Where replicas share a quota, each has a copy of its share: as much of the capacity and of the refill. A share that
// grows brings nothing with it; one that falls keeps what is above its new capacity for as long as the others need to
// fill what they got for it. So the copies never sum to more than the provider's bucket holds. What a report says
// is of the whole bucket: it can only be that a copy holds more than all of it; what it holds less the others hold.
//
// Value type, pure, externally synchronised. Times never go back.
class QuotaBucket {
 public:
  // What the copy held when a call was reserved, that call taken out.
  struct Snapshot {
    bool known = false;
    double level = 0;
    double corrected = 0;
    uint64_t share_version = 0;
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
  };

  QuotaBucket() = default;  // not known: everything fits
  explicit QuotaBucket(absl::Duration period) : period_(period) {}

  bool known() const { return limit_ > 0; }
  double limit() const { return limit_; }  // of the whole
  // What this share holds when it is full.
  double capacity() const { return limit_ * share_; }
  // What others of the organisation seem to take, a second.
  double drain() const { return drain_; }
  double LevelAt(absl::Time now) const;

  // The limit as configured or learned. The first one fills the bucket, of which `gone` is used up already, but for
  // `in_flight` of this copy's own; a lower one takes what is above it; a higher one refills faster from now on.
  void SetLimit(double limit, double in_flight, absl::Time now, double gone = 0);
  // The limit as another replica knows it, where this one knows none: what is left is not known, so the bucket
  // starts empty.
  void LearnLimit(double limit, double in_flight, absl::Time now);
  // From 0, nothing fits, to 1, the whole; also before the limit is known. A limit that was learned while the share was
  // 0 has told what is left of the whole, which counts when this is `alone`: there is no other replica.
  void SetShare(double share, absl::Time now, bool alone = false);

  // When `amount` fits, `now` at the earliest. What exceeds the limit waits for a full bucket of the whole, what
  // exceeds the share's capacity for a larger share: InfiniteFuture.
  absl::Time FitsAt(double amount, absl::Time now) const;
  Snapshot Take(double amount, absl::Time now);
  void GiveBack(double amount, absl::Time now);  // negative: takes more

  // The provider's bucket held `remaining` when the call of `then` was let in; `others` more calls were under
  // way, which had reserved `others_amount`.
  void Correct(const Snapshot& then, double remaining, double others, double others_amount,
               absl::Time now);
  // The provider says that `amount` was not there.
  void Refused(double amount, absl::Time now);

 private:
  void Advance(absl::Time now);
  double WholeRate() const;   // refill by the limit, a second
  double RefillRate() const;  // of this share, less what is drained elsewhere
  void Shift(double step);    // the level, as an error of the copy

  absl::Duration period_ = absl::Minutes(1);
  double limit_ = 0;
  double share_ = 1;
  bool is_unsettled_ = false;  // the limit was learned without a share: the level is of the whole
  uint64_t share_version_ = 1;  // counts changes of the share
  double level_ = 0;            // below zero when calls used more than was reserved for them
  double corrected_ = 0;
  double drain_ = 0;  // taken elsewhere, a second
  double noise_ = 0;  // the usual size of a report's difference
  absl::Time updated_ = absl::InfinitePast();
};

}  // namespace moa
