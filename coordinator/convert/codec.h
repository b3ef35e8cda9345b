#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/text.h"
#include "common/hash/sha256.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/plan.h"
#include "coordinator/engine/prompt.h"

namespace moa {

// The durable forms, for code that knows nothing of protobuf: serialised moa.v1 messages, whose rules of
// compatibility (fields are added, never renumbered) are the store's too. Pure functions; thread-safe.

// moa.v1.JobSpec.
Text EncodeSpec(const JobSpec& spec);
absl::StatusOr<JobSpec> DecodeSpec(absl::string_view bytes);  // DATA_LOSS when it is none

// moa.v1.JobEvent. `plan` gives the tasks' names.
Text EncodeRecord(const Plan& plan, const Record& record);
absl::StatusOr<Record> DecodeRecord(const Plan& plan, absl::string_view bytes);

// Identity of a job for idempotency keys: 32 bytes. REQUIRES: `spec` is normalised.
std::string HashSpec(const JobSpec& spec);

// Identity of what a call sends (RunTask.input_hash), 32 bytes; remembers the digests of a job's shared
// contexts, which are large and the same for many tasks. One a job; externally synchronised.
class InputHasher {
 public:
  std::string Hash(const CallInput& input, const JobSpec& spec);

 private:
  Sha256Hasher hasher_;                              // new between calls
  std::map<uint32_t, std::string> context_digests_;  // by SharedContext::id
};

}  // namespace moa
