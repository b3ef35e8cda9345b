#pragma once

#include <memory>
#include <vector>

#include "coordinator/rpc/metrics_query.h"
#include "coordinator/rpc/peers.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/runtime/job_counter.h"
#include "moa/v1/moa.grpc.pb.h"

namespace moa {

// The public API (proto/moa/v1/moa.proto is its specification): checks what clients send, hands it to the
// coordinator, writes what comes back. Decides nothing itself.
//
// Owner: main; registered with a server, which is shut down before this is destroyed. Thread-safe.
//
// WatchJob is a raw method: stored events are serialised already, and go out as they are.
class PublicService final
    : public v1::MoaService::WithRawCallbackMethod_WatchJob<v1::MoaService::CallbackService> {
 public:
  // `coordinator` and `counter` are borrowed for the service's life, and so is `peers`, which is null where this is the
  // only one. Without `metrics` there is no GetMetrics.
  PublicService(Coordinator& coordinator, JobCounter& counter, std::vector<v1::Preset> presets,
                Peers* peers = nullptr, MetricsSource metrics = nullptr);

  grpc::ServerUnaryReactor* SubmitJob(grpc::CallbackServerContext* context,
                                      const v1::SubmitJobRequest* request,
                                      v1::SubmitJobResponse* response) override;
  grpc::ServerUnaryReactor* InspectJob(grpc::CallbackServerContext* context,
                                       const v1::InspectJobRequest* request,
                                       v1::InspectJobResponse* response) override;
  grpc::ServerUnaryReactor* GetJob(grpc::CallbackServerContext* context,
                                   const v1::GetJobRequest* request, v1::Job* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const v1::ListJobsRequest* request,
                                     v1::ListJobsResponse* response) override;
  grpc::ServerUnaryReactor* CountJobs(grpc::CallbackServerContext* context,
                                      const v1::CountJobsRequest* request,
                                      v1::CountJobsResponse* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchJob(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* CancelJob(grpc::CallbackServerContext* context,
                                      const v1::CancelJobRequest* request,
                                      v1::Job* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* ListGrades(grpc::CallbackServerContext* context,
                                       const v1::ListGradesRequest* request,
                                       v1::ListGradesResponse* response) override;
  grpc::ServerUnaryReactor* GetLeaderboard(grpc::CallbackServerContext* context,
                                           const v1::GetLeaderboardRequest* request,
                                           v1::GetLeaderboardResponse* response) override;
  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const v1::GetMetricsRequest* request,
                                       v1::GetMetricsResponse* response) override;
  grpc::ServerUnaryReactor* ListPresets(grpc::CallbackServerContext* context,
                                        const v1::ListPresetsRequest* request,
                                        v1::ListPresetsResponse* response) override;

 private:
  // Calls `then` with OK once the job has the conversation of the one it follows, at once where it follows none; with
  // the client's error otherwise. `job` is borrowed until then.
  void WithHistory(v1::JobSpec* job, absl::AnyInvocable<void(grpc::Status)> then);
  void Accept(v1::SubmitJobRequest* request, const TraceHeaders& trace,
              v1::SubmitJobResponse* response, grpc::ServerUnaryReactor* reactor);

  // Who is to answer a request for a job: `then` gets null for this coordinator, or the job's owner; UNAVAILABLE while
  // nobody has the job, or when the request was passed on to here already; NOT_FOUND.
  using OwnerCallback = absl::AnyInvocable<void(absl::StatusOr<v1::MoaService::Stub*>)>;
  void WithOwner(grpc::CallbackServerContext* context, const JobId& id, OwnerCallback then);

  Coordinator& coordinator_;
  JobCounter& counter_;
  const std::vector<v1::Preset> presets_;
  Peers* const peers_;
  const MetricsSource metrics_;
};

}  // namespace moa
