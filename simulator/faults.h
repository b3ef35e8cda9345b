#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/loop/mutex.h"
#include "simulator/digest.h"

namespace moa::simulator {

// What can be made to go wrong with a completion. A spec is a kind, perhaps with a value, and
// conditions:
//
//   status=503:html,first=2       reset,p=0.1,model=qwen-3.8-27b       truncate,at=3,prompt=critic
//   slow=x10,p=0.01               status=429:queue,from=5s,for=10s
//
// Without a condition a fault strikes every completion; with several, those that meet all. Faults
// that end a request differently exclude each other (the first that strikes wins); the others add
// up.
enum class FaultKind {
  kStatus,               // status=CODE[:VARIANT] instead of an answer; variants: see kFaultHelp
  kReset,                // the connection is reset before any byte
  kHang,                 // no byte ever comes
  kSlow,                 // slow=DURATION: so much longer until the first byte; slow=xN: N times the
                         // call's own time, from its first byte to its last
  kHtml,                 // 200 with a web page
  kTruncate,             // the body ends early: no [DONE], or less than Content-Length promised
  kResetStream,          // reset in the middle of the body
  kHangStream,           // the body stops in the middle and the connection stays
  kErrorEvent,           // an error object in the middle of the stream, then its end
  kErrorNamedEvent,      // the same under "event: error"
  kBrokenJson,           // a chunk (or the body) is cut JSON
  kInvalidUtf8,          // a text holds bytes that are not UTF-8
  kSplitUtf8,            // characters are split over TCP segments
  kSplitLines,           // SSE lines are split over TCP segments
  kCrlf,                 // lines end in CRLF
  kComments,             // comment lines between the events
  kNoRateLimitHeaders,   // the reply lacks x-ratelimit-…
  kLengthEmpty,          // finish_reason "length" and no content
  kContentAndReasoning,  // one chunk carries both
  kUsageChunk,           // usage in a last chunk without choices
};

struct FaultSpec {
  FaultKind kind = FaultKind::kStatus;
  int status = 0;           // of kStatus
  std::string variant;      // of kStatus
  absl::Duration delay;     // of kSlow
  double factor = 1;        // of kSlow
  int64_t at = 2;           // events (of a body: halves) before a fault in the middle strikes
  int64_t retry_after = 1;  // seconds, of a status 429
  double probability = 1;   // p=
  int64_t nth = 0;          // only the nth that meets the other conditions, from 1
  int64_t first = 0;        // only the first so many
  int64_t every = 0;        // every so many
  int64_t after = 0;        // not the first so many
  // A window of time, counted from when the faults were set: at the start, for those of a flag.
  absl::Duration from = absl::ZeroDuration();
  absl::Duration lasts = absl::InfiniteDuration();  // for=
  std::string model;                                // only this model
  std::string prompt;                               // only prompts that contain this text
  std::string text;                                 // the spec as given
};

// InvalidArgument names the part that is wrong and what would be right.
absl::StatusOr<FaultSpec> ParseFault(absl::string_view text);

// Kinds, variants and conditions, for --help.
extern const char* const kFaultHelp;

// True for kinds after which no proper reply comes.
bool IsTerminal(FaultKind kind);

// The faults in force. They can be replaced while requests run. What is left to chance (p=) depends
// on the seed and on the order of arrival. Thread-safe; without faults a request costs one load.
class Faults {
 public:
  // At most kFaultsMax specs.
  Faults(std::vector<FaultSpec> specs, uint64_t seed, absl::Time now);

  // Those that strike this request, at most one of them terminal. Counts the request.
  std::vector<FaultSpec> Select(absl::string_view model, absl::string_view prompt, absl::Time now);

  // Counts and windows of time start anew. ResourceExhausted for more than kFaultsMax.
  absl::Status Replace(std::vector<FaultSpec> specs, absl::Time now);

  // [{"spec":…,"matched":…,"struck":…},…]
  std::string Json();

  static constexpr size_t kFaultsMax = 100;

 private:
  struct Entry {
    FaultSpec spec;
    int64_t matched = 0;
    int64_t struck = 0;
  };

  const uint64_t seed_;
  std::atomic<bool> any_{false};
  Mutex mutex_;
  Random random_ ABSL_GUARDED_BY(mutex_);
  absl::Time set_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa::simulator
