#pragma once

#include <cstdint>
#include <list>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"

namespace moa::simulator {

// The service's prompt cache: prefixes in blocks of 128 tokens, for each organisation and model,
// kept five minutes after their last use (CEREBRAS_API.md, section 7). Bounded: least recently used
// blocks go first. Thread-safe.
class PromptCache {
 public:
  explicit PromptCache(size_t blocks_max = 100'000) : blocks_max_(blocks_max) {}

  // Tokens at the start of `prompt` that were there already, a multiple of 128 and below
  // `prompt_tokens`; then all its whole blocks are.
  int64_t Use(absl::string_view org, absl::string_view model, absl::string_view prompt,
              int64_t prompt_tokens, absl::Time now);

 private:
  struct Block {
    uint64_t key;
    absl::Time used;
  };

  const size_t blocks_max_;
  Mutex mutex_;
  std::list<Block> order_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  absl::flat_hash_map<uint64_t, std::list<Block>::iterator> blocks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa::simulator
