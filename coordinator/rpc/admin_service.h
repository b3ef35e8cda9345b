#pragma once

#include <memory>

#include "common/loop/loop.h"
#include "coordinator/engine/plan.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/replica_store.h"
#include "coordinator/store/store_admin.h"
#include "moa/v1/admin.grpc.pb.h"

namespace moa {

// The operators' API (proto/moa/v1/admin.proto is its specification). Its work blocks on the store, so it is done on a
// thread of its own, one call after another, and never on the coordinator's.
//
// Owner: main; registered with a server, which is shut down before Stop, and that called before this is destroyed.
// Thread-safe.
class AdminService final : public v1::AdminService::CallbackService {
 public:
  // `store` is borrowed for the service's life.
  AdminService(JobStore& store, const JobLimits& limits);
  // Waits for the call that is being done; what has not begun is dropped.
  void Stop();

  // Deletes jobs that ended before, in the background, again and again; `keep` is positive.
  void PruneRegularly(absl::Duration keep);

  grpc::ServerUnaryReactor* GetStoreStatus(grpc::CallbackServerContext* context,
                                           const v1::GetStoreStatusRequest* request,
                                           v1::StoreStatus* response) override;
  grpc::ServerWriteReactor<v1::CheckStoreProgress>* CheckStore(
      grpc::CallbackServerContext* context, const v1::CheckStoreRequest* request) override;
  grpc::ServerUnaryReactor* PruneJobs(grpc::CallbackServerContext* context,
                                      const v1::PruneJobsRequest* request,
                                      v1::PruneJobsResponse* response) override;
  grpc::ServerUnaryReactor* BackupStore(grpc::CallbackServerContext* context,
                                        const v1::BackupStoreRequest* request,
                                        v1::BackupStoreResponse* response) override;

 private:
  absl::StatusOr<uint64_t> Prune(absl::Time before, bool dry_run);
  // Answers the call with what `work` returns, once it is its turn.
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                   std::function<absl::Status()> work);

  JobStore& store_;
  const JobLimits limits_;
  std::atomic<bool> stopping_{false};
  Loop loop_;
};

}  // namespace moa
