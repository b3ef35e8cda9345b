#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace moa {

// The provider counts requests and tokens over these periods, each in a bucket that refills continuously.
enum class QuotaPeriod { kMinute, kHour, kDay };
inline constexpr size_t kQuotaPeriods = 3;

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
