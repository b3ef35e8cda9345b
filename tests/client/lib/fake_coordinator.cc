#include "tests/client/lib/fake_coordinator.h"

#include <google/protobuf/text_format.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/net/grpc_defaults.h"
#include "moa/v1/rpc_status.pb.h"

namespace moa {
namespace {

grpc::Status Unscripted() { return {grpc::StatusCode::UNIMPLEMENTED, "the test has no script"}; }

template <typename Message>
Message FromText(const char* text) {
  Message message;
  MOA_CHECK(google::protobuf::TextFormat::ParseFromString(text, &message));
  return message;
}

}  // namespace

FakeCoordinator::~FakeCoordinator() { Stop(); }

void FakeCoordinator::Start(int port, const std::string& host) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  SetServerDefaults(builder);
  builder.AddListeningPort(absl::StrCat(host, ":", port), grpc::InsecureServerCredentials(),
                           &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  MOA_CHECK(server_ != nullptr && port_ != 0);
  server_->GetHealthCheckService()->SetServingStatus(serving);
}

void FakeCoordinator::Stop() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
}

std::string FakeCoordinator::address() const { return absl::StrCat("127.0.0.1:", port_); }

std::vector<v1::SubmitJobRequest> FakeCoordinator::submitted() {
  MutexLock lock(mutex_);
  return submitted_;
}

std::vector<v1::WatchJobRequest> FakeCoordinator::watched() {
  MutexLock lock(mutex_);
  return watched_;
}

grpc::Status FakeCoordinator::SubmitJob(grpc::ServerContext* /*context*/,
                                        const v1::SubmitJobRequest* request,
                                        v1::SubmitJobResponse* response) {
  {
    MutexLock lock(mutex_);
    submitted_.push_back(*request);
  }
  return submit ? submit(*request, response) : Unscripted();
}

grpc::Status FakeCoordinator::InspectJob(grpc::ServerContext* /*context*/,
                                         const v1::InspectJobRequest* request,
                                         v1::InspectJobResponse* response) {
  return inspect ? inspect(*request, response) : Unscripted();
}

grpc::Status FakeCoordinator::GetJob(grpc::ServerContext* /*context*/,
                                     const v1::GetJobRequest* request, v1::Job* response) {
  return get ? get(*request, response) : Unscripted();
}

grpc::Status FakeCoordinator::ListJobs(grpc::ServerContext* /*context*/,
                                       const v1::ListJobsRequest* request,
                                       v1::ListJobsResponse* response) {
  return list ? list(*request, response) : Unscripted();
}

grpc::Status FakeCoordinator::CountJobs(grpc::ServerContext* /*context*/,
                                        const v1::CountJobsRequest* request,
                                        v1::CountJobsResponse* response) {
  return count ? count(*request, response) : Unscripted();
}

grpc::Status FakeCoordinator::WatchJob(grpc::ServerContext* context,
                                       const v1::WatchJobRequest* request,
                                       grpc::ServerWriter<v1::WatchJobResponse>* writer) {
  {
    MutexLock lock(mutex_);
    watched_.push_back(*request);
  }
  return watch ? watch(*request, context, writer) : Unscripted();
}

grpc::Status FakeCoordinator::CancelJob(grpc::ServerContext* /*context*/,
                                        const v1::CancelJobRequest* request, v1::Job* response) {
  return cancel ? cancel(*request, response) : Unscripted();
}

grpc::Status FakeCoordinator::ListWorkers(grpc::ServerContext* /*context*/,
                                          const v1::ListWorkersRequest* /*request*/,
                                          v1::ListWorkersResponse* response) {
  return workers ? workers(response) : Unscripted();
}

grpc::Status FakeCoordinator::ListModels(grpc::ServerContext* /*context*/,
                                         const v1::ListModelsRequest* /*request*/,
                                         v1::ListModelsResponse* response) {
  return models ? models(response) : Unscripted();
}

grpc::Status FakeCoordinator::ListPresets(grpc::ServerContext* /*context*/,
                                          const v1::ListPresetsRequest* /*request*/,
                                          v1::ListPresetsResponse* response) {
  return presets ? presets(response) : Unscripted();
}

grpc::Status InvalidJobStatus(const std::vector<std::pair<std::string, std::string>>& violations) {
  v1::RpcBadRequest bad_request;
  for (const auto& [field, description] : violations) {
    v1::RpcBadRequest::FieldViolation* violation = bad_request.add_field_violations();
    violation->set_field(field);
    violation->set_description(description);
  }
  const std::string message = absl::StrCat("the job has ", violations.size(), " mistakes");
  v1::RpcStatus status;
  status.set_code(grpc::StatusCode::INVALID_ARGUMENT);
  status.set_message(message);
  google::protobuf::Any* detail = status.add_details();
  detail->set_type_url("type.googleapis.com/google.rpc.BadRequest");
  detail->set_value(bad_request.SerializeAsString());
  return {grpc::StatusCode::INVALID_ARGUMENT, message, status.SerializeAsString()};
}

v1::Job FinishedJob(const std::string& job_id) {
  auto job = FromText<v1::Job>(R"pb(
    spec {
      name: "trip"
      moa {
        layers {
          agents { name: "planner" model: "gpt-oss-120b" }
          agents { name: "local" model: "qwen-3.8-27b" }
        }
        aggregator { model: "gpt-oss-120b" }
      }
    }
    state: JOB_STATE_SUCCEEDED
    degraded: true
    degradations: "layer 1: agent local failed"
    answer { content: "Go to the park and then to the old pier." finish_reason: "stop" }
    create_time { seconds: 1790000000 }
    end_time { seconds: 1790000001 }
    latency_us: 1250500
    critical_path_us: 1000250
    usage {
      tokens { prompt_tokens: 300 completion_tokens: 120 total_tokens: 420 cached_tokens: 64 }
      upstream_calls: 5
      cost_usd: 0.00125
    }
    layers {
      layer: 1
      round: 1
      tasks {
        task { layer: 1 round: 1 agent: "planner" index: 0 }
        model: "gpt-oss-120b"
        state: TASK_STATE_SUCCEEDED
        completion {
          content: "First go to the park and then eat."
          finish_reason: "stop"
          usage { prompt_tokens: 100 completion_tokens: 60 }
        }
        attempts: 1
        queue_us: 1500
        run_us: 600250
        ttft_us: 50000
        worker: "w1"
        share_of_answer: 0.66666
      }
      tasks {
        task { layer: 1 round: 1 agent: "local" index: 1 }
        model: "qwen-3.8-27b"
        state: TASK_STATE_FAILED
        error {
          code: ERROR_CODE_SERVER_ERROR
          message: "the provider answered 500"
          http_status: 500
        }
        attempts: 3
        queue_us: 200000
        run_us: 1000
        worker: "w2"
      }
    }
    layers {
      layer: 2
      round: 1
      tasks {
        task { layer: 2 round: 1 agent: "aggregator" index: 2 }
        model: "gpt-oss-120b"
        state: TASK_STATE_SUCCEEDED
        completion {
          content: "Go to the park and then to the old pier."
          finish_reason: "stop"
          usage { prompt_tokens: 200 completion_tokens: 60 }
        }
        attempts: 1
        queue_us: 500
        run_us: 400000
        ttft_us: 30000
        worker: "w1"
      }
    }
    last_sequence: 8
  )pb");
  job.set_job_id(job_id);
  return job;
}

std::vector<v1::WatchUpdate> FinishedJobEvents() {
  const v1::Job job = FinishedJob("");
  std::vector<v1::WatchUpdate> updates;
  uint64_t sequence = 0;
  const auto event = [&] {
    v1::JobEvent* next = updates.emplace_back().mutable_event();
    next->set_sequence(++sequence);
    next->mutable_time()->set_seconds(1790000000 + static_cast<int64_t>(sequence) / 8);
    return next;
  };
  event()->mutable_accepted()->set_seed(1);
  for (const v1::LayerResult& layer : job.layers()) {
    v1::LayerStarted* started = event()->mutable_layer_started();
    started->set_layer(layer.layer());
    started->set_round(layer.round());
    for (const v1::TaskResult& task : layer.tasks()) *started->add_tasks() = task.task();
    for (const v1::TaskResult& task : layer.tasks()) {
      v1::TaskStarted* begun = updates.emplace_back().mutable_task_started();
      *begun->mutable_task() = task.task();
      begun->set_attempt(1);
      begun->set_worker(task.worker());
      v1::TaskDelta* delta = updates.emplace_back().mutable_task_delta();
      *delta->mutable_task() = task.task();
      delta->set_attempt(1);
      delta->set_content(task.completion().content());
      *event()->mutable_task_finished() = task;
    }
    if (layer.layer() == 1) {
      v1::JobDegraded* degraded = event()->mutable_degraded();
      degraded->set_layer(1);
      degraded->set_round(1);
      degraded->set_survivors(1);
      degraded->set_failed(1);
      degraded->set_reason("agent local failed");
    }
  }
  v1::JobEnded* ended = event()->mutable_ended();
  ended->set_state(job.state());
  ended->set_latency_us(job.latency_us());
  ended->set_critical_path_us(job.critical_path_us());
  *ended->mutable_usage() = job.usage();
  return updates;
}

void Send(grpc::ServerWriter<v1::WatchJobResponse>* writer, const v1::WatchUpdate& update) {
  v1::WatchJobResponse response;
  *response.add_updates() = update;
  writer->Write(response);
}

}  // namespace moa
