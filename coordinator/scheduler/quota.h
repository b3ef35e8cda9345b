#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace moa {

// The provider counts requests and tokens over these periods, each in a bucket that refills continuously.
enum class QuotaPeriod { kMinute, kHour, kDay };
inline constexpr size_t kQuotaPeriods = 3;

// Replicas have shares of a quota, in parts per million.
inline constexpr uint32_t kQuotaWhole = 1'000'000;

// What one quota is of: an organisation, known by a fingerprint of its key, and a model. The provider counts
// by organisation; two keys of one organisation are taken for two, and headers correct the error.
struct QuotaKey {
  std::string key{};
  std::string model{};
  friend auto operator<=>(const QuotaKey&, const QuotaKey&) = default;
};

// Limits by period; absent: not known, not enforced here.
struct QuotaLimits {
  using PerPeriod = std::array<std::optional<uint64_t>, kQuotaPeriods>;
  PerPeriod requests{};
  PerPeriod tokens{};  // not served from the prompt cache
  PerPeriod
      total_tokens{};  // cached ones included; absent: three times `tokens`, as the provider's usually are
  friend bool operator==(const QuotaLimits&, const QuotaLimits&) = default;
};

// What a replica knows of a quota when shares are settled (quota_shares.h).
struct QuotaNeed {
  QuotaKey of{};
  uint32_t share_ppm = 0;  // that it uses now
  uint32_t need_ppm = 0;   // that it could use
  bool waits = false;      // some call is queued
  // Some call cannot be sent by the present share, but by the whole.
  bool wants_whole = false;
  // Of the calls that wait: the largest's tokens, the share that holds each of them, and how long one has to have
  // the whole until each could be sent.
  uint64_t largest_tokens = 0;
  uint32_t least_ppm = 0;
  absl::Duration whole_for{};
  QuotaLimits limits{};  // as known here
};

// The provider's x-ratelimit-* headers on one reply (CEREBRAS_API section 5).
struct RateLimits {
  struct Window {
    std::optional<uint64_t> limit{};
    std::optional<uint64_t>
        remaining{};  // may exceed the limit: then it is of all tokens, cached ones too
  };
  std::array<Window, kQuotaPeriods> requests{};
  std::array<Window, kQuotaPeriods> tokens{};
};

}  // namespace moa
