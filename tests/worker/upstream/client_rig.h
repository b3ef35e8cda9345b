#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/loop/loop.h"
#include "common/loop/mutex.h"
#include "worker/upstream/upstream_client.h"

namespace moa::upstream {

// One call and what its callbacks were given. Thread-safe.
class RecordedCall {
 public:
  // Waits for the result, 30 s at most, and fails the test when it does not come.
  CallResult Result();
  // Waits until `text` was delivered as content.
  bool WaitForContent(absl::string_view text);
  bool done() const;
  int done_count() const;
  std::string content() const;
  std::string reasoning() const;
  bool deltas_are_whole() const;  // no delta began or ended inside a code point

  void OnDelta(absl::string_view content, absl::string_view reasoning);
  void OnDone(CallResult result);

  CallId id = 0;  // set before Start returns to its caller

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::optional<CallResult> result_ ABSL_GUARDED_BY(mutex_);
  int done_count_ ABSL_GUARDED_BY(mutex_) = 0;
  std::string content_ ABSL_GUARDED_BY(mutex_);
  std::string reasoning_ ABSL_GUARDED_BY(mutex_);
  bool whole_ ABSL_GUARDED_BY(mutex_) = true;
};

// A client with a loop of its own, for a test's thread to use.
class ClientRig {
 public:
  explicit ClientRig(UpstreamOptions options);
  explicit ClientRig(const std::string& base_url) : ClientRig(OptionsFor(base_url)) {}
  ~ClientRig();

  static UpstreamOptions OptionsFor(const std::string& base_url);

  std::shared_ptr<RecordedCall> Start(ChatRequest request);
  bool Cancel(const RecordedCall& call);
  ModelsResult ListModels();
  // Runs `task` on the loop and waits for it.
  void Run(std::function<void(UpstreamClient& client)> task);
  void DestroyClient();
  Loop& loop() { return loop_; }

 private:
  Loop loop_{"upstream"};
  std::unique_ptr<UpstreamClient> client_;  // loop thread only after construction
};

// A request with one user message.
ChatRequest SimpleRequest(bool stream = false, absl::string_view prompt = "2+2?");

}  // namespace moa::upstream
