#include "simulator/prompt_cache.h"

#include <algorithm>

#include "simulator/digest.h"

namespace moa::simulator {
namespace {

constexpr int64_t kBlockTokens = 128;
constexpr size_t kBlockBytes = 4 * kBlockTokens;
constexpr absl::Duration kTimeToLive = absl::Minutes(5);
// Prompts of megabytes would push everything else out; their tail counts as uncached.
constexpr size_t kBlocksPerPromptMax = 2'048;

}  // namespace

int64_t PromptCache::Use(absl::string_view org, absl::string_view model, absl::string_view prompt,
                         int64_t prompt_tokens, absl::Time now) {
  const size_t count = std::min(prompt.size() / kBlockBytes, kBlocksPerPromptMax);
  if (count == 0) return 0;
  uint64_t key = Hash64(org, Hash64(model, 0));
  int64_t cached = 0;
  bool unbroken = true;
  const MutexLock lock(mutex_);
  for (size_t i = 0; i < count; ++i) {
    // The key of a block covers everything before it.
    key = Hash64(prompt.substr(i * kBlockBytes, kBlockBytes), key);
    const auto found = blocks_.find(key);
    if (found != blocks_.end()) {
      unbroken = unbroken && now - found->second->used <= kTimeToLive;
      found->second->used = now;
      order_.splice(order_.begin(), order_, found->second);
    } else {
      unbroken = false;
      order_.push_front({key, now});
      blocks_[key] = order_.begin();
    }
    if (unbroken) cached += kBlockTokens;
  }
  while (blocks_.size() > blocks_max_) {
    blocks_.erase(order_.back().key);
    order_.pop_back();
  }
  return std::min(cached, (std::max<int64_t>(prompt_tokens - 1, 0) / kBlockTokens) * kBlockTokens);
}

}  // namespace moa::simulator
