#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/lib/moa_client.h"
#include "moa/v1/admin.pb.h"

namespace moa {

// What operators ask of a coordinator's store (moa/v1/admin.proto has the rules and errors). Of several addresses the
// first that answers is asked. Calls may take minutes: they have no time limit, and end with the program. Thread-safe;
// blocks.
class AdminClient {
 public:
  // As Client::Connect.
  static absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const ClientOptions& options);
  ~AdminClient();
  AdminClient(const AdminClient&) = delete;
  AdminClient& operator=(const AdminClient&) = delete;

  absl::StatusOr<v1::StoreStatus> GetStatus();
  // Calls `on_progress` with each message; the last has `done`.
  absl::Status Check(const std::function<void(const v1::CheckStoreProgress&)>& on_progress);
  // How many jobs were deleted, or would be with `dry_run`.
  absl::StatusOr<uint64_t> Prune(absl::Time ended_before, bool dry_run);
  // `path` is on the coordinator's machine. The size of the copy, in bytes.
  absl::StatusOr<uint64_t> Backup(const std::string& path);

 private:
  struct State;
  explicit AdminClient(std::unique_ptr<State> state);

  const std::unique_ptr<State> state_;
};

}  // namespace moa
