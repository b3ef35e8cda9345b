#include "coordinator/engine/job_budget.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "coordinator/engine/stage_inputs.h"

namespace moa {
namespace {

// A reference is counted by the aggregator's tokenizer, and estimated at that.
constexpr double kReferenceMargin = 1.5;
constexpr uint64_t kReferenceFrameTokens = 12;

uint64_t CompletionTokens(const Agent& agent) { return agent.max_completion_tokens.value_or(0); }

// "of 2000 tokens: 1500 are spent or may be by calls under way, …"
template <typename Number>
std::string Sentence(absl::string_view limit, Number of, Number used, Number call, Number reserve) {
  return absl::StrCat(
      "the job's budget (", limit, " ", of, ") holds no further call: ", used,
      " spent or held for calls under way, ", call, " at most for this one",
      reserve > Number{} ? absl::StrCat(", ", reserve, " kept for the aggregator") : "");
}

}  // namespace

Spend& Spend::operator+=(const Spend& other) {
  tokens += other.tokens;
  calls += other.calls;
  cost_usd += other.cost_usd;
  return *this;
}

Spend& Spend::operator-=(const Spend& other) {
  tokens -= std::min(tokens, other.tokens);
  calls -= std::min(calls, other.calls);
  cost_usd -= std::min(cost_usd, other.cost_usd);
  return *this;
}

uint64_t TokensOf(const Usage& usage) {
  return std::max(usage.total_tokens, usage.prompt_tokens + usage.completion_tokens);
}

bool UsesNothing(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidRequest:
    case ErrorCode::kUnauthorized:
    case ErrorCode::kPaymentRequired:
    case ErrorCode::kModelNotFound:
    case ErrorCode::kContextLengthExceeded:
    case ErrorCode::kQuotaExceeded:
    case ErrorCode::kQueueExceeded:
      return true;
    case ErrorCode::kUnspecified:
    case ErrorCode::kServerError:
    case ErrorCode::kConnectionFailed:
    case ErrorCode::kUpstreamTimeout:
    case ErrorCode::kTruncated:
    case ErrorCode::kMalformedResponse:
    case ErrorCode::kWorkerLost:
    case ErrorCode::kDeadlineExceeded:
    case ErrorCode::kCancelled:
    case ErrorCode::kInternal:
    case ErrorCode::kBudgetExceeded:
    case ErrorCode::kNotNeeded:
      return false;
  }
  return false;
}

JobBudget::JobBudget(const Plan& plan, const ModelTable* models, const TokenEstimator* estimator)
    : plan_(plan), models_(models), estimator_(estimator) {}

bool JobBudget::limited() const { return plan_.spec.budget != Budget{}; }

bool JobBudget::Fits(const Spend& total) const {
  const Budget& budget = plan_.spec.budget;
  return total.tokens <= budget.max_total_tokens.value_or(total.tokens) &&
         total.calls <= budget.max_upstream_calls.value_or(total.calls) &&
         total.cost_usd <= budget.max_cost_usd.value_or(total.cost_usd);
}

std::string JobBudget::Refusal(const Spend& used, const Spend& call, const Spend& reserve) const {
  const Budget& budget = plan_.spec.budget;
  if (budget.max_total_tokens &&
      used.tokens + call.tokens + reserve.tokens > *budget.max_total_tokens) {
    return Sentence("max_total_tokens", *budget.max_total_tokens, used.tokens, call.tokens,
                    reserve.tokens);
  }
  if (budget.max_upstream_calls &&
      used.calls + call.calls + reserve.calls > *budget.max_upstream_calls) {
    return Sentence("max_upstream_calls", uint64_t{*budget.max_upstream_calls}, used.calls,
                    call.calls, reserve.calls);
  }
  return Sentence("max_cost_usd", budget.max_cost_usd.value_or(0), used.cost_usd, call.cost_usd,
                  reserve.cost_usd);
}

Spend JobBudget::WorstCase(const CallInput& input) {
  if (input.agent->grader) return {};
  PromptSize size;
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) {
      size += SizeOf(part.message);
      continue;
    }
    const auto [it, first] = contexts_.try_emplace(part.context->id);
    if (first) {
      for (const Message& message : part.context->messages) it->second += SizeOf(message);
    }
    size += it->second;
  }
  if (input.with_tools) {
    const CallInput tools{.with_tools = true};
    size += SizeOf(tools, plan_.spec);
  }
  return Priced(input.model, PromptTokens(input.model, size), CompletionTokens(*input.agent));
}

Spend JobBudget::Aggregator() {
  if (plan_.spec.moa.best_answer || plan_.spec.moa.aggregator.grader) return {};
  const uint32_t task = plan_.aggregator_task();
  const Agent& agent = *plan_.tasks[task].agent;
  if (aggregator_ == PromptSize{}) {
    // As if nobody had answered; the wrapping of the references is added.
    StageInputs inputs(nullptr, nullptr);
    inputs.Start(plan_, plan_.tasks[task].stage, {});
    aggregator_ = SizeOf(inputs.Make(task, agent.model, 0), plan_.spec);
    aggregator_ += SizeOf(RenderReferencesMessage({Reference{}}).view());
    ++aggregator_.messages;
    reference_copies_ = 0;
    absl::string_view rest = agent.system_prompt.view();
    for (size_t at = rest.find(kHelperResponseToken); at != absl::string_view::npos;
         at = rest.find(kHelperResponseToken)) {
      ++reference_copies_;
      rest.remove_prefix(at + kHelperResponseToken.size());
    }
    reference_copies_ = std::max<uint64_t>(reference_copies_, 1);
  }
  return Priced(agent.model, PromptTokens(agent.model, aggregator_), CompletionTokens(agent));
}

Spend JobBudget::AcceptedReference(const Text& content) const {
  if (plan_.spec.moa.best_answer) return {};
  const std::string& model = plan_.spec.moa.aggregator.model;
  const uint64_t tokens = PromptTokens(model, SizeOf(content.view())) + kReferenceFrameTokens;
  Spend spend = Priced(model, tokens * reference_copies_, 0);
  spend.calls = 0;
  return spend;
}

Spend JobBudget::PossibleReference(const Agent& agent) const {
  if (plan_.spec.moa.best_answer) return {};
  const auto most =
      static_cast<uint64_t>(kReferenceMargin * static_cast<double>(CompletionTokens(agent)));
  Spend spend = Priced(plan_.spec.moa.aggregator.model,
                       (most + kReferenceFrameTokens) * reference_copies_, 0);
  spend.calls = 0;
  return spend;
}

uint64_t JobBudget::PromptTokens(const std::string& model, const PromptSize& size) const {
  return estimator_ == nullptr ? TokenEstimator().UpperBound(model, size)
                               : estimator_->UpperBound(model, size);
}

Spend JobBudget::Priced(const std::string& model, uint64_t prompt_tokens,
                        uint64_t completion_tokens) const {
  Spend spend{.tokens = prompt_tokens + completion_tokens, .calls = 1};
  if (models_ != nullptr) {
    spend.cost_usd = models_->CostUsd(
        model, {.prompt_tokens = prompt_tokens, .completion_tokens = completion_tokens});
  }
  return spend;
}

}  // namespace moa
