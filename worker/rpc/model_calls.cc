#include "worker/rpc/model_calls.h"

#include <utility>

#include "common/base/status_macros.h"

namespace moa::worker {

absl::StatusOr<upstream::CallId> ModelCalls::Start(const v1::RunTask& task,
                                                   const Contexts& contexts,
                                                   const upstream::Timeouts& timeouts,
                                                   upstream::ChatCallbacks callbacks) {
  if (!task.grader().empty()) {
    return absl::FailedPreconditionError("the task is a grader's, and this worker calls models");
  }
  MOA_ASSIGN_OR_RETURN(upstream::ChatRequest request,
                       MakeChatRequest(task, contexts, upstream_.provider().messages));
  request.timeouts = timeouts;
  if (!request.stream) callbacks.delta = nullptr;
  return upstream_.Start(std::move(request), std::move(callbacks));
}

}  // namespace moa::worker
