#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/loop/mutex.h"
#include "simulator/journal.h"

namespace moa::simulator {

// What the simulator saw of one completion request. The API key is not among it.
struct RequestRecord {
  uint64_t sequence = 0;  // from 1, in the order of arrival
  std::string id;         // empty for requests that were refused
  std::string path;
  std::string model;
  std::string digest;
  std::vector<std::string> saw;
  std::vector<std::string> faults;  // that struck it, as specified
  std::string mark;                 // see FindMark; empty: none
  bool stream = false;
  double started = 0;  // Unix seconds
  double ended = 0;    // 0 while it runs
  // The same two on the machine's monotonic clock (CLOCK_MONOTONIC, nanoseconds), which other
  // processes on it share. A closed connection was noticed at `ended_ns`.
  int64_t started_ns = 0;
  int64_t ended_ns = 0;
  int64_t arrived_ns = 0;  // before it was read
  int status = 0;          // 0 when the client got none
  // running, completed, refused, client_closed (the client left before the end), fault (ended on
  // purpose).
  std::string outcome = "running";
  int64_t prompt_tokens = 0;
  int64_t cached_tokens = 0;
  int64_t completion_tokens = 0;
  int64_t generated_tokens = 0;  // of those, what was there at the end
  std::string answer;            // AnswerHash of what is given, where a journal is kept
  std::string traceparent;       // the header of this name
  std::string body;  // the request's JSON as sent (after gzip); empty when it was not JSON
};

// A mark tells a test's requests apart: the text NAME in the first "[mark NAME]" of a prompt, where
// NAME is at most 64 of the characters A-Z a-z 0-9 . _ -; empty when there is none.
absl::string_view FindMark(absl::string_view prompt);

// CLOCK_MONOTONIC in nanoseconds.
int64_t MonotonicNanoseconds();

// The last requests and totals since the start: what tests ask under /sim/requests and /sim/stats.
// Bounded in number and in bytes; the oldest go first. Thread-safe.
class RequestLog {
 public:
  // `records_max` 0 keeps no requests, only totals, and asks callers to skip what is costly.
  // `journal`, which may be null, is told of each as well.
  explicit RequestLog(size_t records_max, Journal* journal = nullptr)
      : records_max_(records_max), journal_(journal) {}

  bool keeps_requests() const { return records_max_ > 0; }

  // Returns the sequence number, which End takes.
  uint64_t Begin(RequestRecord record);
  // Once a request. `status` is what the client got; 0: nothing.
  void End(uint64_t sequence, int status, absl::string_view outcome, int64_t generated_tokens = 0);

  struct Filter {
    uint64_t after = 0;                                     // sequence numbers above this one
    uint64_t until = std::numeric_limits<uint64_t>::max();  // and not above this one
    size_t limit = 1000;                                    // of those the newest
    std::string model;                                      // empty: all
    std::string mark;                                       // empty: all
    bool bodies = true;
  };
  // {"requests":[…]} in the order of arrival; each has "request", the body as sent.
  std::string RequestsJson(const Filter& filter);
  // {"requests_total":…,"running":…,"running_max":…,"by_outcome":{…},"by_status":{…},"by_model":{…},…}
  std::string StatsJson();
  // Forgets requests and totals; running ones stay counted as running.
  void Clear();
  // Forgets totals only.
  void ClearTotals();

 private:
  static constexpr size_t kBytesMax = 64 << 20;

  void DropOldest() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const size_t records_max_;
  Journal* const journal_;
  Mutex mutex_;
  uint64_t last_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::deque<RequestRecord> records_ ABSL_GUARDED_BY(mutex_);  // consecutive sequence numbers
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t requests_total_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t running_max_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t prompt_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t completion_tokens_ ABSL_GUARDED_BY(mutex_) = 0;
  // Few keys each: outcomes and statuses are fixed sets, models those of the table.
  std::map<std::string, int64_t, std::less<>> by_outcome_ ABSL_GUARDED_BY(mutex_);
  std::map<int, int64_t> by_status_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, int64_t, std::less<>> by_model_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace moa::simulator
