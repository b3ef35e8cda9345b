#include <algorithm>
#include <limits>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/tuner/random.h"
#include "client/tuner/study.h"
#include "common/base/check.h"

// How a study goes on; study.cc has what it is told and asked.
namespace moa {
namespace {

constexpr uint64_t kReflectionStream = 2;
constexpr uint64_t kSeedStride = 100'000;
// The base is compared with what is found: it must not rest on one run.
constexpr uint32_t kBaseRuns = 2;
constexpr size_t kContenders = 3;
constexpr double kRoundShareMax = 0.17;
// Trials that must all have failed before a study gives up.
constexpr uint64_t kFailuresMax = 5;

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

uint64_t Affordable(double limit, double spent, uint64_t trials) {
  if (limit <= 0) return kNoLimit;
  if (spent >= limit) return 0;
  if (trials == 0 || spent <= 0) return kNoLimit;  // nothing is known of what one costs
  const double more = (limit - spent) / (spent / static_cast<double>(trials));
  return more < static_cast<double>(kTrialsMax) ? static_cast<uint64_t>(more) : kNoLimit;
}

}  // namespace

uint64_t Study::Left() const {
  uint64_t left = options_.trials - trials_;
  left = std::min(left, Affordable(static_cast<double>(options_.tokens_max),
                                   static_cast<double>(spent_.tokens), settled_));
  return std::min(left, Affordable(options_.cost_usd_max, spent_.cost_usd, settled_));
}

std::string Study::WhatBinds() const {
  if (trials_ == options_.trials) return absl::StrCat("all ", trials_, " trials have run");
  if (Affordable(static_cast<double>(options_.tokens_max), static_cast<double>(spent_.tokens),
                 settled_) == 0) {
    return absl::StrCat("the limit of ", options_.tokens_max,
                        " tokens does not hold another trial: ", spent_.tokens, " are spent");
  }
  return absl::StrCat("the limit of $", options_.cost_usd_max, " does not hold another trial: $",
                      spent_.cost_usd, " are spent");
}

// Of all trials that there will be, as far as can be told.
uint64_t Study::Reserve(double share) const {
  return static_cast<uint64_t>(share * static_cast<double>(trials_ + Left()));
}

// Enough for a round about `leading`, where that is little of all; less decides nothing.
uint64_t Study::AblationReserve(const Point& leading) const {
  const size_t agents = space_.Droppable(leading).size();
  if (agents == 0 || options_.ablate_share == 0) return 0;
  const uint64_t round = LeaveOneOut::kRunsMin * agents;
  const double all = static_cast<double>(trials_ + Left());
  if (static_cast<double>(round) > kRoundShareMax * all) return 0;
  return std::max(round, Reserve(options_.ablate_share));
}

bool Study::NothingWorks() const {
  return spent_.failed == settled_ && settled_ >= std::min(kFailuresMax, options_.trials);
}

size_t Study::Best() const {
  const std::optional<size_t> winner = candidates_.Winner();
  MOA_CHECK(winner.has_value());
  if (!ablated_best_) return *winner;
  // What was found to do with fewer agents stays the best, unless another one is believed to be better after all.
  const bool better = candidates_.BeliefIn(*winner).mean >
                      candidates_.BeliefIn(*ablated_best_).mean + kScoreRounding;
  return better ? *winner : *ablated_best_;
}

void Study::Settle() {
  for (const Trial& trial : open_) {
    TrialResult& result = arrived_.at(trial.number);
    ++settled_;
    ++spent_.trials;
    if (!result.failure.empty()) ++spent_.failed;
    spent_.tokens += result.tokens;
    spent_.cost_usd += result.cost_usd;
    candidates_.AddRun(*candidates_.Find(trial.config), std::move(result));
  }
  open_.clear();
  arrived_.clear();
  Learn();
}

void Study::Learn() {
  if (options_.sampler == SamplerKind::kSurrogate) candidates_.Learn(space_.dimensions());
}

void Study::End(std::string reason, bool failed) {
  ended_ = Ended{std::move(reason), failed};
  lines_.push_back(
      EndLine(ended_->reason, settled_ == 0 ? std::string() : candidates_[Best()].key));
}

void Study::Decide() {
  if (ablating_ && queue_.empty()) EndRound();
  if (settled_ > 0 && NothingWorks()) {
    return End(absl::StrCat("none of ", settled_, " trials could be graded"), true);
  }
  const uint64_t left = Left();
  if (left == 0) return End(WhatBinds());
  const Point leading = settled_ > 0 ? candidates_[Best()].point : space_.BasePoint();
  const uint64_t for_ablation = AblationReserve(leading);
  if (phase_ == Phase::kSearch) {
    const uint64_t kept = for_ablation + Reserve(options_.confirm_share);
    if (left > kept) {
      if (TryRewriting(false)) return;
      QueueSearch(std::min<uint64_t>(options_.parallel, left - kept));
      if (HandOut(left - kept)) return;
      if (TryRewriting(true)) return;
    }
    phase_ = Phase::kConfirm;
    for (const Queued& run : queue_) candidates_.Unask(run.candidate);  // they do not fit any more
    queue_.clear();
  }
  if (phase_ == Phase::kConfirm) {
    if (left > for_ablation && settled_ > 0) {
      QueueConfirm(std::min<uint64_t>(options_.parallel, left - for_ablation));
      if (HandOut(left - for_ablation)) return;
    }
    phase_ = Phase::kAblate;
  }
  BeginRound();
  if (phase_ == Phase::kRefine && queue_.empty() && settled_ > 0) {
    QueueRuns({{Best(), options_.parallel}}, Purpose::kConfirm);
  }
  if (!HandOut(left)) End("nothing is left to try");
}

void Study::EndRound() {
  ablating_ = false;
  const size_t first = ablation_.agents().size();
  const bool dropped = ablation_.Decide(candidates_);
  ablated_best_ = ablation_.best();
  const std::vector<AblatedAgent> decided(
      ablation_.agents().begin() + static_cast<std::ptrdiff_t>(first), ablation_.agents().end());
  lines_.push_back(AblationLine(ablation_.round(), decided, candidates_[*ablated_best_].key));
  if (!dropped) phase_ = Phase::kRefine;
}

void Study::BeginRound() {
  while (phase_ == Phase::kAblate && queue_.empty()) {
    const std::optional<std::vector<Promotion>> runs =
        settled_ == 0
            ? std::nullopt
            : ablation_.Begin(space_, candidates_, ablated_best_ ? *ablated_best_ : Best(), Left());
    if (!runs) {
      phase_ = Phase::kRefine;
      return;
    }
    ablating_ = true;
    QueueRuns(*runs, Purpose::kAblate);
    if (queue_.empty()) EndRound();  // all had run before
  }
}

void Study::QueueRuns(const std::vector<Promotion>& runs, Purpose purpose) {
  for (const Promotion& promotion : runs) {
    for (uint32_t i = 0; i < promotion.runs; ++i) {
      candidates_.Ask(promotion.candidate);
      queue_.push_back({promotion.candidate, purpose});
    }
  }
}

void Study::QueueSearch(uint64_t trials) {
  if (settled_ > 0) {
    QueueRuns(PromoteBest(candidates_, options_.rungs, options_.promote_share), Purpose::kRepeat);
  }
  while (queue_.size() < trials) {
    std::optional<Point> point = proposer_.Next(space_, candidates_, proposals_++);
    if (!point) return;
    const std::string key = space_.KeyOf(*point);
    const size_t added = candidates_.Add(std::move(*point), key);
    const uint32_t runs = added == 0 ? kBaseRuns : 1;
    QueueRuns({{added, runs}}, Purpose::kNew);
  }
}

void Study::QueueConfirm(uint64_t trials) {
  const std::vector<size_t> ranked = candidates_.Ranked();
  const size_t contenders = std::min(kContenders, ranked.size());
  while (queue_.size() < trials) {
    // The one with the fewest runs; of equal ones the better.
    size_t next = ranked[0];
    for (size_t i = 1; i < contenders; ++i) {
      if (candidates_[ranked[i]].asked < candidates_[next].asked) next = ranked[i];
    }
    QueueRuns({{next, 1}}, Purpose::kConfirm);
  }
}

bool Study::HandOut(uint64_t trials_max) {
  if (queue_.empty()) return false;
  NewConfigs configs;
  std::map<size_t, uint64_t> in_batch;  // runs of each candidate
  while (!queue_.empty() && open_.size() < std::min<uint64_t>(options_.parallel, trials_max)) {
    const Queued next = queue_.front();
    queue_.pop_front();
    const Candidate& candidate = candidates_[next.candidate];
    const uint64_t run = candidate.runs.size() + ++in_batch[next.candidate];
    if (run == 1) configs[candidate.key] = space_.Describe(candidate.point);
    open_.push_back({.number = ++trials_,
                     .config = candidate.key,
                     .seed = options_.seed * kSeedStride + run,
                     .purpose = next.purpose,
                     .moa = space_.Apply(candidate.point)});
  }
  lines_.push_back(BatchLine(++batches_, open_, configs));
  return true;
}

// `idle`: nothing else is new, so it is time for a rewriting, but only once between two batches.
bool Study::TryRewriting(bool idle) {
  if (options_.reflect_every == 0) return false;
  const bool searched =
      std::any_of(space_.slots().begin(), space_.slots().end(),
                  [](const Space::Slot& slot) { return slot.prompt.has_value(); });
  if (!searched) return false;
  uint64_t due = (settled_ - reflected_at_) / options_.reflect_every;
  reflected_at_ += due * options_.reflect_every;
  if (idle && settled_ > idle_at_) {
    due = options_.parallel;
    idle_at_ = settled_;
  }
  for (uint64_t i = 0; i < std::min<uint64_t>(due, options_.parallel); ++i) {
    Random random(options_.seed, kReflectionStream + (reflections_ << 8));
    const std::optional<size_t> parent = ChooseParent(candidates_, random);
    if (!parent) break;
    ReflectionRequest request = AskForEdits(space_, candidates_[*parent], options_.task);
    request.number = ++reflections_;
    ++rewrites_.asked;
    lines_.push_back(ReflectionLine(request));
    requests_.push_back(std::move(request));
  }
  return !requests_.empty();
}

void Study::SettleReplies() {
  for (const ReflectionRequest& request : requests_) {
    SettleReply(request, replies_.at(request.number));
  }
  requests_.clear();
  replies_.clear();
  Learn();  // of the new prompts
}

void Study::SettleReply(const ReflectionRequest& request, const ReflectionReply& reply) {
  spent_.tokens += reply.tokens;
  spent_.cost_usd += reply.cost_usd;
  absl::StatusOr<std::vector<PromptEdit>> edits =
      reply.failure.empty()
          ? ReadEdits(reply.text)
          : absl::StatusOr<std::vector<PromptEdit>>(absl::UnavailableError(reply.failure));
  std::vector<std::pair<std::string, size_t>> added;
  std::vector<std::string> dropped;
  if (!edits.ok()) {
    ++rewrites_.unusable;
    lines_.push_back(EditsLine(request.number, added, dropped, edits.status().message()));
    return;
  }
  Point child = candidates_[*candidates_.Find(request.parent)].point;
  for (const PromptEdit& edit : *edits) {
    const absl::StatusOr<Space::Rewritten> rewritten =
        space_.Rewrite(child, edit.agent, edit.system_prompt);
    if (!rewritten.ok()) {
      dropped.emplace_back(rewritten.status().message());
      continue;
    }
    child = rewritten->point;
    if (rewritten->added) added.emplace_back(edit.agent, rewritten->prompt);
  }
  rewrites_.added += added.size();
  rewrites_.dropped += dropped.size();
  lines_.push_back(EditsLine(request.number, added, dropped, ""));
  proposer_.AddChild(std::move(child));
}

}  // namespace moa
