#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "common/loop/loop.h"
#include "common/net/grpc_defaults.h"
#include "coordinator/rpc/public_service.h"
#include "coordinator/rpc/worker_hub.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/store/job_store.h"

namespace moa {

// A coordinator with its real services, server and SQLite store, in this process: on a port of its own, in a
// directory of its own that goes with it. Restart closes everything and opens the same store again.
class TestCoordinator {
 public:
  // `peers` may be null and is borrowed. Its metrics are `metrics`.
  explicit TestCoordinator(Coordinator::Options options = {}, Peers* peers = nullptr,
                           MetricsSource metrics = nullptr);
  ~TestCoordinator();

  void Restart();

  v1::MoaService::Stub& jobs() { return *jobs_; }
  v1::WorkerHub::Stub& workers() { return *workers_; }
  Coordinator& coordinator() { return *coordinator_; }
  std::string address() const { return server_.address.ToString(); }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Submits and expects success.
  std::string Submit(const v1::JobSpec& job, const std::string& key = "");
  v1::Job Get(const std::string& id);
  // Watches until the end, which it expects to be OK, and returns the job.
  v1::Job Wait(const std::string& id);

 private:
  void Start();
  void Stop();

  const Coordinator::Options options_;
  Peers* const peers_;
  const MetricsSource metrics_;
  std::string directory_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<JobStore> store_;
  RuntimeObserver observer_;
  std::unique_ptr<Coordinator> coordinator_;
  std::unique_ptr<JobCounter> counter_;
  std::unique_ptr<PublicService> service_;
  std::unique_ptr<WorkerHub> hub_;
  RunningServer server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MoaService::Stub> jobs_;
  std::unique_ptr<v1::WorkerHub::Stub> workers_;
};

// A job of `agents` agents in one layer and an aggregator.
v1::JobSpec SmallJob(int agents = 2, const std::string& prompt = "Plan a trip.");

// A client context whose call fails rather than hangs.
std::unique_ptr<grpc::ClientContext> TestContext();

}  // namespace moa
