#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "coordinator/engine/prompt.h"
#include "coordinator/engine/types.h"

namespace moa {

// What a prompt's token count depends on, as far as it can be known without the model's tokenizer.
struct PromptSize {
  uint64_t ascii_bytes = 0;
  uint64_t other_bytes = 0;  // of characters beyond ASCII: more tokens a byte than words have
  uint32_t messages = 0;     // each is wrapped in a few tokens of its own
  PromptSize& operator+=(const PromptSize& other);
  friend bool operator==(const PromptSize&, const PromptSize&) = default;
};

PromptSize SizeOf(absl::string_view text);
PromptSize SizeOf(const Message& message);
// All that the call sends: the prompt's parts and, where the call has them, the job's tools.
PromptSize SizeOf(const CallInput& input, const JobSpec& spec);

// Sizes of one job's calls; remembers its shared contexts, which are large and the same for many tasks. One a job;
// externally synchronised.
class PromptSizer {
 public:
  PromptSize Size(const CallInput& input, const JobSpec& spec);

 private:
  std::map<uint32_t, PromptSize> contexts_;  // by SharedContext::id
};

// Tokens of prompts, without a tokenizer: a rule of thumb (a quarter of a token for each byte of ASCII,
// half a one for each other byte, four for each message), corrected for each model by what the provider
// counted. It learns a factor and how far single prompts are off it; both fade with a half-life of some
// twenty calls, so that a change of workload is followed.
//
// Pure value type; externally synchronised (the coordinator's loop). Bounded: keeps 1,000 models at most, all
// further ones share one entry.
class TokenEstimator {
 public:
  // The most likely count, at least 1.
  uint64_t Estimate(absl::string_view model, const PromptSize& size) const;
  // A count that few prompts exceed: what to set aside before sending.
  uint64_t UpperBound(absl::string_view model, const PromptSize& size) const;
  // The provider counted `prompt_tokens` for a prompt of `size`. 0 is no count and changes nothing.
  void Observe(absl::string_view model, const PromptSize& size, uint64_t prompt_tokens);

  // The mean error of the last estimates as a share (0.05: five per cent off), and how many there were.
  double Error(absl::string_view model) const;
  uint64_t Observations(absl::string_view model) const;

 private:
  struct Calibration {
    double log_factor = 0;
    double log_error = 0;       // mean |log(actual / estimated)| of the corrected estimate
    uint64_t observations = 0;  // also how quickly the first ones are believed
  };
  const Calibration* Find(absl::string_view model) const;

  std::map<std::string, Calibration, std::less<>> models_;
};

}  // namespace moa
