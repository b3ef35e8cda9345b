#include "simulator/statistics.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moa::simulator {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

double SecondsBetween(int64_t from_ns, int64_t to_ns) {
  return static_cast<double>(to_ns - from_ns) / static_cast<double>(kNanosecondsPerSecond);
}

}  // namespace

Statistics::Second& Statistics::At(int64_t now_ns) {
  // Callers read the clock before they get the lock: one may be a moment before a reset.
  const int64_t second = std::max<int64_t>(0, (now_ns - since_ns_) / kNanosecondsPerSecond);
  Second& slot = seconds_[static_cast<size_t>(second % kSecondsKept)];
  if (slot.second != second) {
    slot = Second{};
    slot.second = second;
  }
  return slot;
}

void Statistics::Admitted(int64_t now_ns) {
  const MutexLock lock(mutex_);
  ++admitted_;
  ++At(now_ns).admitted;
}

void Statistics::Ended(int status, absl::string_view code, int64_t now_ns) {
  const MutexLock lock(mutex_);
  if (status == 200 && code.empty()) {
    ++At(now_ns).completed;
    return;
  }
  ++errors_[{status, std::string(code)}];
  if (status != 429) return;
  if (code == "queue_exceeded") {
    ++At(now_ns).queue_429;
  } else if (absl::EndsWith(code, "_quota_exceeded")) {
    ++At(now_ns).quota_429;
    if (quota_429_++ == 0) first_quota_429_ns_ = now_ns;
    last_quota_429_ns_ = now_ns;
  }
}

void Statistics::Charged(int64_t uncached_tokens, int64_t total_tokens, int64_t now_ns) {
  const MutexLock lock(mutex_);
  uncached_tokens_ += uncached_tokens;
  total_tokens_ += total_tokens;
  Second& slot = At(now_ns);
  slot.uncached_tokens += uncached_tokens;
  slot.total_tokens += total_tokens;
}

void Statistics::Reset(int64_t now_ns) {
  const MutexLock lock(mutex_);
  since_ns_ = now_ns;
  admitted_ = uncached_tokens_ = total_tokens_ = quota_429_ = 0;
  first_quota_429_ns_ = last_quota_429_ns_ = 0;
  errors_.clear();
  seconds_.fill(Second{});
}

std::string Statistics::Json(int64_t now_ns) {
  const MutexLock lock(mutex_);
  std::string out =
      absl::StrCat("\"since_ns\":", since_ns_, ",\"now_ns\":", now_ns, ",\"admitted\":", admitted_,
                   ",\"charged\":{\"uncached\":", uncached_tokens_, ",\"total\":", total_tokens_,
                   "},\"by_code\":{");
  for (const auto& [key, count] : errors_) {
    absl::StrAppend(&out, out.back() == '{' ? "\"" : ",\"", key.first,
                    key.second.empty() ? "" : " ", key.second, "\":", count);
  }
  const bool any = quota_429_ > 0;
  absl::StrAppend(&out, "},\"quota_429\":{\"count\":", quota_429_,
                  ",\"first_s\":", any ? SecondsBetween(since_ns_, first_quota_429_ns_) : -1.0,
                  ",\"last_s\":", any ? SecondsBetween(since_ns_, last_quota_429_ns_) : -1.0,
                  "},\"seconds\":[");
  const int64_t current = (now_ns - since_ns_) / kNanosecondsPerSecond;
  for (int64_t s = std::max<int64_t>(0, current - kSecondsKept + 1); s <= current; ++s) {
    const Second& slot = seconds_[static_cast<size_t>(s % kSecondsKept)];
    if (slot.second != s) continue;
    absl::StrAppend(&out, out.back() == '[' ? "" : ",", "{\"second\":", s,
                    ",\"admitted\":", slot.admitted, ",\"completed\":", slot.completed,
                    ",\"quota_429\":", slot.quota_429, ",\"queue_429\":", slot.queue_429);
    absl::StrAppend(&out, ",\"uncached_tokens\":", slot.uncached_tokens,
                    ",\"total_tokens\":", slot.total_tokens, "}");
  }
  return out + "]";
}

}  // namespace moa::simulator
