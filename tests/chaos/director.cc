#include "tests/chaos/director.h"

#include <algorithm>
#include <cstdio>

#include "absl/time/clock.h"

namespace moa::chaos {

Director::Director(ChaosCluster& cluster, const Options& options)
    : cluster_(cluster),
      options_(options),
      random_(options.seed),
      next_(absl::Now() + options.calm) {
  for (FaultKind& kind : AllFaults()) {
    const bool wanted =
        options.kinds.empty() ||
        std::find(options.kinds.begin(), options.kinds.end(), kind.name) != options.kinds.end();
    if (!wanted) continue;
    const std::string why_not = kind.why_not(cluster);
    if (why_not.empty()) {
      kinds_.push_back(std::move(kind));
    } else {
      left_out_.emplace_back(kind.name, why_not);
    }
  }
}

void Director::Step(absl::Time now) {
  if (active_ != nullptr) {
    if (now >= until_ || active_->Over()) End(now);
  } else if (now >= next_ && !kinds_.empty()) {
    Strike(now);
  }
}

void Director::Strike(absl::Time now) {
  if (deck_.empty()) {
    if (options_.rounds > 0 && rounds_ == options_.rounds) return kinds_.clear();
    ++rounds_;
    for (size_t i = 0; i < kinds_.size(); ++i) {
      const auto place = static_cast<ptrdiff_t>(random_.Integer(0, static_cast<int64_t>(i)));
      deck_.insert(deck_.begin() + place, i);
    }
  }
  const FaultKind& kind = kinds_[deck_.back()];
  deck_.pop_back();
  active_ = kind.make(cluster_, random_);
  records_.push_back({.kind = kind.name,
                      .detail = active_->detail(),
                      .struck_us = absl::ToUnixMicros(now),
                      .comes_back = active_->comes_back(),
                      .strikes_provider = active_->strikes_provider()});
  std::fprintf(stderr, "%s: %s\n", kind.name, active_->detail().c_str());
  active_->Strike();
  records_.back().in_force_us = absl::ToUnixMicros(absl::Now());
  until_ = absl::Now() + active_->lasts();
}

void Director::End(absl::Time now) {
  active_->Undo();
  FaultRecord& record = records_.back();
  record.undone_us = absl::ToUnixMicros(absl::Now());
  record.healing_us = active_->heals_at_once() ? record.struck_us : record.undone_us;
  active_.reset();
  next_ = now + options_.pause * random_.Real(0.5, 1);
}

void Director::Stop() {
  if (active_ != nullptr) End(absl::Now());
  kinds_.clear();
}

}  // namespace moa::chaos
