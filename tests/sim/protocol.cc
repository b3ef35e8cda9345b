#include "tests/sim/protocol.h"

#include "common/base/check.h"

namespace moa::sim {
namespace {

constexpr uint64_t kFnvPrime = 0x100000001b3;

uint64_t Add(uint64_t hash, absl::string_view bytes) {
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(c)) * kFnvPrime;
  return (hash ^ bytes.size()) * kFnvPrime;
}

}  // namespace

Call Call::From(const CallInput& input) {
  Call call;
  call.model = input.model;
  call.seed = input.seed;
  call.with_tools = input.with_tools;
  call.max_completion_tokens = input.agent->max_completion_tokens.value_or(0);
  for (const PromptPart& part : input.prompt) {
    if (part.context == nullptr) {
      call.messages.push_back(part.message);
    } else {
      for (const Message& message : part.context->messages) call.messages.push_back(message);
    }
  }
  return call;
}

uint64_t Call::Hash() const {
  uint64_t hash = Add(0xcbf29ce484222325, model);
  hash = (hash ^ seed.value_or(0)) * kFnvPrime;
  hash = (hash ^ ((seed.has_value() ? 2u : 0u) + (with_tools ? 1u : 0u))) * kFnvPrime;
  hash = (hash ^ max_completion_tokens) * kFnvPrime;
  for (const Message& message : messages) {
    hash = (hash ^ static_cast<uint64_t>(message.role)) * kFnvPrime;
    hash = Add(hash, message.content.view());
  }
  return hash;
}

const AttemptRef& RefOf(const Event& event) {
  if (const auto* succeeded = std::get_if<AttemptSucceeded>(&event)) return succeeded->ref;
  const auto* failed = std::get_if<AttemptFailed>(&event);
  MOA_CHECK(failed != nullptr);
  return failed->ref;
}

}  // namespace moa::sim
