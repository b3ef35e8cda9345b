#pragma once

#include "coordinator/runtime/worker_link.h"
#include "moa/v1/worker.pb.h"

namespace moa {

// What a worker says about a call's end. Takes the texts out of `proto`.
EndedAttempt EndedFromProto(v1::AttemptFinished* proto);

}  // namespace moa
