#include "coordinator/engine/token_estimator.h"

#include <algorithm>
#include <cmath>

namespace moa {
namespace {

constexpr size_t kModelsMax = 1000;
constexpr double kTokensPerAsciiByte = 0.25;
constexpr double kTokensPerOtherByte = 0.5;
constexpr double kTokensPerMessage = 4;
// The weight of one observation once there are many.
constexpr double kGain = 1.0 / 30;
// One absurd count (an image, a provider that counts otherwise) must not spoil the factor.
constexpr double kLogStepMax = 1.5;
// Until it has been seen how good the estimates are.
constexpr double kErrorUnknown = 0.25;
constexpr uint64_t kObservationsTrusted = 8;
// Mean errors above the estimate that the upper bound allows for.
constexpr double kErrorsAllowed = 2.5;

double RuleOfThumb(const PromptSize& size) {
  return kTokensPerAsciiByte * static_cast<double>(size.ascii_bytes) +
         kTokensPerOtherByte * static_cast<double>(size.other_bytes) +
         kTokensPerMessage * size.messages;
}

uint64_t Tokens(double count) {
  return static_cast<uint64_t>(std::ceil(std::clamp(count, 1.0, 1e15)));
}

}  // namespace

PromptSize& PromptSize::operator+=(const PromptSize& other) {
  ascii_bytes += other.ascii_bytes;
  other_bytes += other.other_bytes;
  messages += other.messages;
  return *this;
}

PromptSize SizeOf(absl::string_view text) {
  uint64_t other = 0;
  for (const char c : text) other += static_cast<unsigned char>(c) >> 7;
  return {.ascii_bytes = text.size() - other, .other_bytes = other};
}

PromptSize SizeOf(const Message& message) {
  PromptSize size = SizeOf(message.content.view());
  size += SizeOf(message.reasoning.view());
  for (const ToolCall& call : message.tool_calls) {
    size += SizeOf(call.name);
    size += SizeOf(call.arguments.view());
  }
  size.messages = 1;
  return size;
}

PromptSize SizeOf(const CallInput& input, const JobSpec& spec) {
  return PromptSizer().Size(input, spec);
}

PromptSize PromptSizer::Size(const CallInput& input, const JobSpec& spec) {
  PromptSize size;
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) {
      size += SizeOf(part.message);
      continue;
    }
    const auto [it, is_new] = contexts_.try_emplace(part.context->id);
    if (is_new) {
      for (const Message& message : part.context->messages) it->second += SizeOf(message);
    }
    size += it->second;
  }
  if (!input.with_tools) return size;
  for (const Tool& tool : spec.tools) {
    size += SizeOf(tool.name);
    size += SizeOf(tool.description.view());
    size += SizeOf(tool.parameters.view());
    ++size.messages;
  }
  return size;
}

const TokenEstimator::Calibration* TokenEstimator::Find(absl::string_view model) const {
  auto it = models_.find(model);
  if (it == models_.end()) it = models_.find(absl::string_view());
  return it == models_.end() ? nullptr : &it->second;
}

uint64_t TokenEstimator::Estimate(absl::string_view model, const PromptSize& size) const {
  const Calibration* known = Find(model);
  return Tokens(RuleOfThumb(size) * (known == nullptr ? 1.0 : std::exp(known->log_factor)));
}

uint64_t TokenEstimator::UpperBound(absl::string_view model, const PromptSize& size) const {
  const Calibration* known = Find(model);
  if (known == nullptr) return Tokens(RuleOfThumb(size) * (1 + kErrorUnknown));
  const double error = known->observations < kObservationsTrusted
                           ? std::max(known->log_error, kErrorUnknown / kErrorsAllowed)
                           : known->log_error;
  return Tokens(RuleOfThumb(size) * std::exp(known->log_factor + kErrorsAllowed * error));
}

void TokenEstimator::Observe(absl::string_view model, const PromptSize& size,
                             uint64_t prompt_tokens) {
  const double rule = RuleOfThumb(size);
  if (prompt_tokens == 0 || rule <= 0) return;
  const bool room = models_.size() < kModelsMax || models_.contains(model);
  Calibration& known = models_[room ? std::string(model) : std::string()];
  const double seen = std::log(static_cast<double>(prompt_tokens) / rule);
  const double gain = std::max(kGain, 1.0 / static_cast<double>(++known.observations));
  const double miss = std::clamp(seen - known.log_factor, -kLogStepMax, kLogStepMax);
  // The first one says nothing about how much they differ.
  if (known.observations > 1) {
    const double error_gain = std::max(kGain, 1.0 / static_cast<double>(known.observations - 1));
    known.log_error += error_gain * (std::abs(miss) - known.log_error);
  }
  known.log_factor += gain * miss;
}

double TokenEstimator::Error(absl::string_view model) const {
  const auto it = models_.find(model);
  return it == models_.end() ? 0 : std::exp(it->second.log_error) - 1;
}

uint64_t TokenEstimator::Observations(absl::string_view model) const {
  const auto it = models_.find(model);
  return it == models_.end() ? 0 : it->second.observations;
}

}  // namespace moa
