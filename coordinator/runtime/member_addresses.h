#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "common/loop/mutex.h"

namespace moa {

// Where the other coordinators are, by epoch. Thread-safe.
class MemberAddresses {
 public:
  using Map = absl::flat_hash_map<uint64_t, std::string>;

  void Set(Map addresses) {
    MutexLock lock(mutex_);
    addresses_ = std::move(addresses);
  }
  // "" when it is not one of them.
  std::string Of(uint64_t epoch) const {
    MutexLock lock(mutex_);
    const auto it = addresses_.find(epoch);
    return it == addresses_.end() ? "" : it->second;
  }
  std::vector<std::string> All() const {
    MutexLock lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [epoch, address] : addresses_) all.push_back(address);
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  mutable Mutex mutex_;
  Map addresses_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa
