#pragma once

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "moa/v1/worker.pb.h"
#include "worker/rpc/attempt_table.h"
#include "worker/upstream/chat_request.h"

namespace moa::worker {

// Between the worker protocol's messages and the plain types of worker/rpc and worker/upstream: the only
// place of the worker that knows both. Texts that arrive as bytes stay as they are; where a field of a
// message is a `string`, what the provider sent is repaired to valid UTF-8, because anything else would
// break the stream.

AttemptRef FromProto(const v1::AttemptRef& ref);
void ToProto(const AttemptRef& ref, v1::AttemptRef* out);

void ToProto(const FinishedAttempt& finished, v1::AttemptFinished* out);
void ToProto(const AttemptTable::Held& held, v1::HeldAttempt* out);

// The messages of a PutContext, escaped once for all the calls that will name them.
upstream::MessagesJson EncodeContext(const v1::PutContext& context,
                                     const upstream::MessageStyle& style);

using Contexts = absl::flat_hash_map<uint64_t, upstream::MessagesJson>;
// The call that a task asks for, without its timeouts. FailedPrecondition names a context that the
// coordinator has not sent.
absl::StatusOr<upstream::ChatRequest> MakeChatRequest(const v1::RunTask& task,
                                                      const Contexts& contexts,
                                                      const upstream::MessageStyle& style);

}  // namespace moa::worker
