#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "coordinator/engine/model_table.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/token_estimator.h"
#include "coordinator/engine/types.h"

namespace moa {

// What calls use, or may use at most.
struct Spend {
  uint64_t tokens = 0;
  uint64_t calls = 0;
  double cost_usd = 0;
  Spend& operator+=(const Spend& other);
  Spend& operator-=(const Spend& other);  // never below zero
  friend bool operator==(const Spend&, const Spend&) = default;
};

// All tokens of `usage`, whether or not the provider gave their sum.
uint64_t TokensOf(const Usage& usage);

// True for errors that say that nothing was processed, and so nothing used.
bool UsesNothing(ErrorCode code);

// Measures one job's calls against its budget (proto/moa/v1/job.proto, Budget) before they are made.
// The worst case of a call is an upper estimate of its prompt and its whole max_completion_tokens,
// at the model's price.
//
// Owner: the JobMachine. Externally synchronised.
class JobBudget {
 public:
  // `models` and `estimator` may be null: no prices, the rule of thumb. All are borrowed for life.
  JobBudget(const Plan& plan, const ModelTable* models, const TokenEstimator* estimator);

  // False when the job names no limit; nothing else need be asked then.
  bool limited() const;
  bool Fits(const Spend& total) const;
  // Why `call` cannot be made: the limit, what is used (or may be, by calls under way) and what is
  // kept for the aggregator. REQUIRES: used + call + reserve does not fit.
  std::string Refusal(const Spend& used, const Spend& call, const Spend& reserve) const;

  // REQUIRES for these: limited().
  Spend WorstCase(const CallInput& input);
  // Of the aggregator's call on its first model, without references.
  Spend Aggregator();
  // What a reference adds to that: one that is there, or one that may come.
  Spend AcceptedReference(const Text& content) const;
  Spend PossibleReference(const Agent& agent) const;
  // Forgets the texts measured: those of another stage follow.
  void StageChanged() { contexts_.clear(); }

 private:
  Spend Priced(const std::string& model, uint64_t prompt_tokens, uint64_t completion_tokens) const;
  uint64_t PromptTokens(const std::string& model, const PromptSize& size) const;

  const Plan& plan_;
  const ModelTable* const models_;
  const TokenEstimator* const estimator_;
  std::map<uint32_t, PromptSize> contexts_;  // by SharedContext::id: large, and many calls' own
  PromptSize aggregator_{};                  // once measured
  uint64_t reference_copies_ = 1;            // places of the aggregator's prompt that hold them
};

}  // namespace moa
