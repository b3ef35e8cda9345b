#pragma once

#include "absl/status/statusor.h"
#include "common/base/text.h"
#include "coordinator/scheduler/quota_shares.h"
#include "coordinator/store/replica_store.h"

namespace moa {

// A quota's share as the store keeps it (moa.v1.QuotaShare). Pure functions; thread-safe.
StoredShare EncodeShare(const QuotaShareRow& row);
absl::StatusOr<QuotaShareRow> DecodeShare(const StoredShare& stored);  // DATA_LOSS when it is none

}  // namespace moa
