#pragma once

#include <grpcpp/server.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/loop/mutex.h"
#include "moa/v1/moa.grpc.pb.h"

namespace moa {

// A coordinator that answers as a test tells it to, over a real socket, and records what it was
// asked. Methods without a script answer UNIMPLEMENTED.
//
//   FakeCoordinator fake;
//   fake.get = [](const v1::GetJobRequest& request, v1::Job* job) { …; return grpc::Status::OK; };
//   fake.Start();
//
// Scripts are set before Start (or while stopped) and run on gRPC's threads.
class FakeCoordinator final : public v1::MoaService::Service {
 public:
  ~FakeCoordinator() override;

  // Listens on `port` of `host`, or on a free one for 0.
  void Start(int port = 0, const std::string& host = "127.0.0.1");
  // Breaks all connections, as the death of the process does.
  void Stop();
  std::string address() const;
  int port() const { return port_; }

  std::function<grpc::Status(const v1::SubmitJobRequest&, v1::SubmitJobResponse*)> submit;
  std::function<grpc::Status(const v1::InspectJobRequest&, v1::InspectJobResponse*)> inspect;
  std::function<grpc::Status(const v1::GetJobRequest&, v1::Job*)> get;
  std::function<grpc::Status(const v1::ListJobsRequest&, v1::ListJobsResponse*)> list;
  std::function<grpc::Status(const v1::CountJobsRequest&, v1::CountJobsResponse*)> count;
  std::function<grpc::Status(const v1::WatchJobRequest&, grpc::ServerContext*,
                             grpc::ServerWriter<v1::WatchJobResponse>*)>
      watch;
  std::function<grpc::Status(const v1::CancelJobRequest&, v1::Job*)> cancel;
  std::function<grpc::Status(v1::ListWorkersResponse*)> workers;
  std::function<grpc::Status(v1::ListModelsResponse*)> models;
  std::function<grpc::Status(v1::ListPresetsResponse*)> presets;
  // Of the health service.
  bool serving = true;

  std::vector<v1::SubmitJobRequest> submitted();
  std::vector<v1::WatchJobRequest> watched();

 private:
  grpc::Status SubmitJob(grpc::ServerContext* context, const v1::SubmitJobRequest* request,
                         v1::SubmitJobResponse* response) override;
  grpc::Status InspectJob(grpc::ServerContext* context, const v1::InspectJobRequest* request,
                          v1::InspectJobResponse* response) override;
  grpc::Status GetJob(grpc::ServerContext* context, const v1::GetJobRequest* request,
                      v1::Job* response) override;
  grpc::Status ListJobs(grpc::ServerContext* context, const v1::ListJobsRequest* request,
                        v1::ListJobsResponse* response) override;
  grpc::Status CountJobs(grpc::ServerContext* context, const v1::CountJobsRequest* request,
                         v1::CountJobsResponse* response) override;
  grpc::Status WatchJob(grpc::ServerContext* context, const v1::WatchJobRequest* request,
                        grpc::ServerWriter<v1::WatchJobResponse>* writer) override;
  grpc::Status CancelJob(grpc::ServerContext* context, const v1::CancelJobRequest* request,
                         v1::Job* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status ListPresets(grpc::ServerContext* context, const v1::ListPresetsRequest* request,
                           v1::ListPresetsResponse* response) override;

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  Mutex mutex_;
  std::vector<v1::SubmitJobRequest> submitted_ ABSL_GUARDED_BY(mutex_);
  std::vector<v1::WatchJobRequest> watched_ ABSL_GUARDED_BY(mutex_);
};

// A status as the coordinator sends it for an invalid job: every violation, field and description.
grpc::Status InvalidJobStatus(const std::vector<std::pair<std::string, std::string>>& violations);

// A small finished job: two layers' worth of answers, as GetJob returns it.
v1::Job FinishedJob(const std::string& job_id);

// What WatchJob says about FinishedJob from the beginning to the end, with progress.
std::vector<v1::WatchUpdate> FinishedJobEvents();

// Sends `update` as a message of its own.
void Send(grpc::ServerWriter<v1::WatchJobResponse>* writer, const v1::WatchUpdate& update);

}  // namespace moa
