#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "moa/v1/worker.pb.h"
#include "worker/rpc/convert.h"
#include "worker/upstream/upstream_client.h"

namespace moa::worker {

// What makes the calls of attempts: a model's API (ModelCalls), or graders (GradingCalls).
//
// Owner: the Worker. Loop thread only; callbacks come on it, never from inside Start or Cancel.
class CallClient {
 public:
  virtual ~CallClient() = default;

  // Messages that several tasks share, as Start wants them.
  virtual upstream::MessagesJson Encode(const v1::PutContext& context) const = 0;
  // Starts what `task` asks for; its callbacks as UpstreamClient's. An error says why it cannot be begun here; no callback
  // comes then.
  virtual absl::StatusOr<upstream::CallId> Start(const v1::RunTask& task, const Contexts& contexts,
                                                 const upstream::Timeouts& timeouts,
                                                 upstream::ChatCallbacks callbacks) = 0;
  // As UpstreamClient's.
  virtual bool Cancel(upstream::CallId id) = 0;
  virtual std::optional<upstream::CallProgress> Progress(upstream::CallId id) const = 0;
  // A call has ended.
  virtual void Count(absl::string_view model, const upstream::CallResult& result) = 0;
};

}  // namespace moa::worker
