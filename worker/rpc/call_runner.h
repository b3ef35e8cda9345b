#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "common/loop/loop.h"
#include "moa/v1/worker.pb.h"
#include "worker/rpc/attempt_table.h"
#include "worker/rpc/call_client.h"

namespace moa::worker {

// The calls that run for one coordinator, and the deltas that it wants of them. The first delta of an attempt goes out at
// once. The next ones keep one beat, all calls' together, at most every kDeltaInterval, each with all text that has come
// since: tokens come one by one, and a message for each, or for each call, would cost more than the calls.
//
// Deltas are read from the client's text when they are sent, so nothing is buffered here and a slow
// coordinator gets fewer, larger ones.
//
// Owner: a Session. Loop thread only.
class CallRunner {
 public:
  using Key = AttemptTable::Key;
  // A call ended by itself: not called for calls that Drop closed.
  using Done = std::function<void(Key key, upstream::CallResult result)>;

  static constexpr absl::Duration kDeltaInterval = absl::Milliseconds(20);

  CallRunner(CallClient& client, Done done);
  // REQUIRES: no call runs. (The client ends its calls, through here, when it goes.)
  ~CallRunner();
  CallRunner(const CallRunner&) = delete;
  CallRunner& operator=(const CallRunner&) = delete;

  // As CallClient::Start.
  absl::Status Start(Key key, const AttemptRef& ref, const v1::RunTask& task,
                     const Contexts& contexts, const upstream::Timeouts& timeouts);
  // Closes the call's connection; it ends through Done, with kCancelled unless it was faster.
  void Cancel(Key key);
  // Closes the call's connection and forgets it.
  void Drop(Key key);

  // The call goes on as `to`'s, under its key there; without deltas until it is asked. REQUIRES: it runs.
  void MoveTo(CallRunner& to, Key key, Key key_there);

  // On: the text so far comes first, at offset 0. A call that is not streamed yields one delta at its end.
  void SetDeltas(Key key, bool on);
  // The stream that wanted deltas is gone.
  void StopDeltas();
  // What there is to send now; empty: nothing. More than some `bytes_max` of text wait for the next time.
  std::vector<v1::AttemptDelta> TakeDeltas(absl::Time now, size_t bytes_max);
  // Before an attempt's result may be sent, TakeDeltas must have had its last word.
  bool has_last_deltas() const { return !last_deltas_.empty(); }
  // When there is something to take; InfiniteFuture when nothing is waiting.
  absl::Time NextDeltaTime() const;

  size_t running() const { return calls_.size(); }
  // Calls that got a byte from the provider since `since`.
  uint32_t CountProgressing(absl::Time since) const;

 private:
  // Where a call belongs, for its callbacks, which outlive a move. Owners: the call and its callbacks.
  struct Place {
    CallRunner* runner =
        nullptr;  // null once the call was dropped: the runner may be gone before the call has ended
    Key key = 0;
  };
  struct Call {
    std::shared_ptr<Place> place;
    upstream::CallId id = 0;
    AttemptRef ref;
    std::string model;
    bool deltas = false;
    bool waiting = false;  // text has come since the last delta; changed by SetWaiting
    bool begun = false;    // its first delta has gone out; changed only while it does not wait
    size_t content_sent = 0;
    size_t reasoning_sent = 0;
  };

  void OnText(Key key);
  void OnDone(Key key, upstream::CallResult result);
  void SetWaiting(Call& call, bool waiting);
  // False when there is nothing new.
  static bool FillDelta(Call& call, absl::string_view content, absl::string_view reasoning,
                        v1::AttemptDelta* delta);

  CallClient& client_;
  const Done done_;
  absl::flat_hash_map<Key, Call> calls_;
  // So that nothing is looked through while nothing is due: calls that wait, and those of them that have not begun.
  size_t waiting_ = 0;
  size_t beginning_ = 0;
  absl::Time next_beat_ = absl::InfinitePast();
  std::deque<v1::AttemptDelta> last_deltas_;  // of calls that have ended; at most one each
};

}  // namespace moa::worker
