#pragma once

#include <optional>

#include "worker/rpc/call_client.h"
#include "worker/rpc/worker_metrics.h"

namespace moa::worker {

// Calls of models, through the client of their API. Borrows both. Otherwise as CallClient.
class ModelCalls final : public CallClient {
 public:
  ModelCalls(upstream::UpstreamClient& upstream, WorkerMetrics& metrics)
      : upstream_(upstream), metrics_(metrics) {}

  upstream::MessagesJson Encode(const v1::PutContext& context) const override {
    return EncodeContext(context, upstream_.provider().messages);
  }
  absl::StatusOr<upstream::CallId> Start(const v1::RunTask& task, const Contexts& contexts,
                                         const upstream::Timeouts& timeouts,
                                         upstream::ChatCallbacks callbacks) override;
  bool Cancel(upstream::CallId id) override { return upstream_.Cancel(id); }
  std::optional<upstream::CallProgress> Progress(upstream::CallId id) const override {
    return upstream_.Progress(id);
  }
  void Count(absl::string_view model, const upstream::CallResult& result) override {
    metrics_.CountAttempt(model, result);
  }

 private:
  upstream::UpstreamClient& upstream_;
  WorkerMetrics& metrics_;
};

}  // namespace moa::worker
