#include "coordinator/rpc/public_service.h"

#include <memory>
#include <string>
#include <utility>

#include "common/net/status_convert.h"
#include "common/trace/trace_context.h"
#include "coordinator/convert/convert.h"
#include "coordinator/engine/inspection.h"
#include "coordinator/rpc/grade_requests.h"
#include "coordinator/rpc/history.h"
#include "coordinator/rpc/job_requests.h"
#include "coordinator/rpc/job_search.h"
#include "coordinator/rpc/rpc_errors.h"
#include "coordinator/rpc/watch_stream.h"
#include "coordinator/rpc/worker_list.h"

namespace moa {
namespace {

// The client's W3C trace context; empty when it has none or sent nonsense, of which the recommendation wants no error.
TraceHeaders TraceOf(const grpc::CallbackServerContext& context) {
  const auto header = [&context](const char* name) {
    const auto it = context.client_metadata().find(name);
    if (it == context.client_metadata().end()) return absl::string_view();
    return absl::string_view(it->second.data(), it->second.size());
  };
  const auto trace = ParseTraceContext(header("traceparent"), header("tracestate"));
  if (!trace) return {};
  return {.traceparent = TraceParent(*trace), .tracestate = trace->state};
}

// Answers a call that asked for a job. `response` lives until Finish.
Coordinator::JobCallback AnswerWithJob(grpc::ServerUnaryReactor* reactor, v1::Job* response) {
  return [reactor, response](absl::StatusOr<const JobMachine*> job) {
    if (job.ok()) JobToProto(**job, Loop::Now(), response);
    reactor->Finish(ToClientStatus(job.status()));
  };
}

}  // namespace

// A request that is passed on to another coordinator. Owner: the callback of its call.
template <typename Request>
struct PassedOn {
  grpc::ClientContext context;
  Request request;
};

PublicService::PublicService(Coordinator& coordinator, JobCounter& counter,
                             std::vector<v1::Preset> presets, Peers* peers, MetricsSource metrics)
    : coordinator_(coordinator),
      counter_(counter),
      presets_(std::move(presets)),
      peers_(peers),
      metrics_(std::move(metrics)) {}

void PublicService::WithOwner(grpc::CallbackServerContext* context, const JobId& id,
                              OwnerCallback then) {
  if (peers_ == nullptr) return then(nullptr);
  const bool passed_on = Peers::IsMarked(*context);
  coordinator_.Locate(id, [this, passed_on,
                           then = std::move(then)](absl::StatusOr<std::string> where) mutable {
    if (!where.ok()) return then(where.status());
    if (where->empty()) return then(nullptr);
    if (passed_on) {
      return then(absl::UnavailableError("the job has moved to another coordinator: try again"));
    }
    then(&peers_->At(*where));
  });
}

void PublicService::WithHistory(v1::JobSpec* job, absl::AnyInvocable<void(grpc::Status)> then) {
  const bool grades = !job->grades().empty();
  if (job->follows().empty() && !grades) return then(grpc::Status::OK);
  const char* const field = grades ? "grades" : "follows";
  const auto refuse = [field](const absl::Status& status) {
    return InvalidJob({{field, std::string(status.message())}});
  };
  const absl::StatusOr<JobId> id = ReadJobId(grades ? job->grades() : job->follows());
  if (!id.ok()) return then(refuse(id.status()));
  coordinator_.Get(*id, [job, grades, refuse, then = std::move(then)](
                            absl::StatusOr<const JobMachine*> earlier) mutable {
    if (absl::IsNotFound(earlier.status())) return then(refuse(earlier.status()));
    if (!earlier.ok()) return then(ToClientStatus(earlier.status()));
    const absl::Status status =
        grades ? TakeAnswer(**earlier, job) : PrependHistory(**earlier, job);
    then(status.ok() ? grpc::Status::OK : refuse(status));
  });
}

grpc::ServerUnaryReactor* PublicService::SubmitJob(grpc::CallbackServerContext* context,
                                                   const v1::SubmitJobRequest* request,
                                                   v1::SubmitJobResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // The message is this call's own, and its texts are large: they are moved, not copied.
  auto* mine = const_cast<v1::SubmitJobRequest*>(request);
  WithHistory(mine->mutable_job(), [this, mine, response, reactor,
                                    trace = TraceOf(*context)](const grpc::Status& status) {
    if (status.ok()) return Accept(mine, trace, response, reactor);
    coordinator_.observer().JobRefused("invalid");
    reactor->Finish(status);
  });
  return reactor;
}

void PublicService::Accept(v1::SubmitJobRequest* request, const TraceHeaders& trace,
                           v1::SubmitJobResponse* response, grpc::ServerUnaryReactor* reactor) {
  std::variant<CheckedJob, grpc::Status> checked =
      CheckJob(request, presets_, *coordinator_.models(), coordinator_.limits());
  if (const auto* error = std::get_if<grpc::Status>(&checked)) {
    coordinator_.observer().JobRefused("invalid");
    return reactor->Finish(*error);
  }
  auto& job = std::get<CheckedJob>(checked);
  for (std::string& warning : job.warnings) response->add_warnings(std::move(warning));
  coordinator_.Submit({.plan = std::move(job.plan),
                       .idempotency_key = request->idempotency_key(),
                       .hash = std::move(job.hash),
                       .trace = trace},
                      [reactor, response](absl::StatusOr<InsertOutcome> outcome) {
                        if (outcome.ok()) {
                          response->set_job_id(outcome->id.value());
                          response->set_state(v1::JOB_STATE_QUEUED);
                          response->set_existing(outcome->existing);
                        }
                        reactor->Finish(ToClientStatus(outcome.status()));
                      });
}

grpc::ServerUnaryReactor* PublicService::InspectJob(grpc::CallbackServerContext* context,
                                                    const v1::InspectJobRequest* request,
                                                    v1::InspectJobResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  auto submit = std::make_shared<v1::SubmitJobRequest>();
  submit->mutable_job()->Swap(const_cast<v1::InspectJobRequest*>(request)->mutable_job());
  v1::JobSpec* job = submit->mutable_job();
  WithHistory(job,
              [this, submit = std::move(submit), response, reactor](const grpc::Status& status) {
                if (!status.ok()) return reactor->Finish(status);
                const std::shared_ptr<const ModelTable> models = coordinator_.models();
                std::variant<CheckedJob, grpc::Status> checked =
                    CheckJob(submit.get(), presets_, *models, coordinator_.limits());
                if (const auto* error = std::get_if<grpc::Status>(&checked))
                  return reactor->Finish(*error);
                auto& inspected = std::get<CheckedJob>(checked);
                InspectionToProto(Inspect(*inspected.plan, *models, TokenEstimator()), response);
                SpecToProto(inspected.plan->spec, response->mutable_job());
                // The prompts show it already, and a reply has room for it once.
                response->mutable_job()->clear_messages();
                for (std::string& warning : inspected.warnings)
                  response->add_warnings(std::move(warning));
                reactor->Finish(grpc::Status::OK);
              });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::GetJob(grpc::CallbackServerContext* context,
                                                const v1::GetJobRequest* request,
                                                v1::Job* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::StatusOr<JobId> id = ReadJobId(request->job_id());
  if (!id.ok()) {
    reactor->Finish(ToGrpcStatus(id.status()));
    return reactor;
  }
  WithOwner(context, *id,
            [this, context, request, response, reactor,
             id = *id](absl::StatusOr<v1::MoaService::Stub*> owner) {
              // Without its owner the job is shown as it is stored.
              if (!owner.ok() || *owner == nullptr) {
                return coordinator_.Get(id, AnswerWithJob(reactor, response));
              }
              auto call = std::make_shared<PassedOn<v1::GetJobRequest>>();
              call->request = *request;
              Peers::Mark(*context, &call->context);
              (*owner)->async()->GetJob(
                  &call->context, &call->request, response,
                  [this, call, response, reactor, id](const grpc::Status& status) {
                    if (status.ok()) return reactor->Finish(status);
                    response->Clear();
                    coordinator_.Get(id, AnswerWithJob(reactor, response));
                  });
            });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::CancelJob(grpc::CallbackServerContext* context,
                                                   const v1::CancelJobRequest* request,
                                                   v1::Job* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::StatusOr<JobId> id = ReadJobId(request->job_id());
  if (!id.ok()) {
    reactor->Finish(ToGrpcStatus(id.status()));
    return reactor;
  }
  WithOwner(context, *id,
            [this, context, request, response, reactor,
             id = *id](absl::StatusOr<v1::MoaService::Stub*> owner) {
              if (!owner.ok()) return reactor->Finish(ToClientStatus(owner.status()));
              if (*owner == nullptr) {
                return coordinator_.Cancel(id, request->reason(), AnswerWithJob(reactor, response));
              }
              auto call = std::make_shared<PassedOn<v1::CancelJobRequest>>();
              call->request = *request;
              Peers::Mark(*context, &call->context);
              (*owner)->async()->CancelJob(
                  &call->context, &call->request, response,
                  [call, reactor](const grpc::Status& status) { reactor->Finish(status); });
            });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::ListJobs(grpc::CallbackServerContext* context,
                                                  const v1::ListJobsRequest* request,
                                                  v1::ListJobsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::StatusOr<JobQuery> query = ReadListRequest(*request);
  if (!query.ok()) {
    reactor->Finish(ToGrpcStatus(query.status()));
    return reactor;
  }
  if (!request->search().empty()) {
    JobSearch::Start(
        [this](JobQuery page, auto done) {
          coordinator_.ReadStore([page = std::move(page), done = std::move(done)](
                                     JobStore& store) mutable { done(store.List(page)); });
        },
        *std::move(query), request->search(), response,
        [reactor](const absl::Status& status) { reactor->Finish(ToClientStatus(status)); });
    return reactor;
  }
  const size_t page_size = query->limit++;  // one more tells whether there is a next page
  coordinator_.ReadStore(
      [query = *std::move(query), reactor, response, page_size](JobStore& store) {
        absl::StatusOr<std::vector<JobRow>> rows = store.List(query);
        if (rows.ok()) WriteListResponse(*std::move(rows), page_size, response);
        reactor->Finish(ToClientStatus(rows.status()));
      });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::ListGrades(grpc::CallbackServerContext* context,
                                                    const v1::ListGradesRequest* request,
                                                    v1::ListGradesResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::StatusOr<GradeQuery> query = ReadGradesRequest(*request);
  if (!query.ok()) {
    reactor->Finish(ToGrpcStatus(query.status()));
    return reactor;
  }
  const size_t page_size = query->limit++;  // one more tells whether there is a next page
  coordinator_.ReadStore(
      [query = *std::move(query), reactor, response, page_size](JobStore& store) {
        absl::StatusOr<std::vector<StoredGrade>> grades = store.ListGrades(query);
        if (grades.ok()) WriteGrades(*std::move(grades), page_size, response);
        reactor->Finish(ToClientStatus(grades.status()));
      });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::GetLeaderboard(grpc::CallbackServerContext* context,
                                                        const v1::GetLeaderboardRequest* request,
                                                        v1::GetLeaderboardResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::StatusOr<GradeQuery> query = ReadLeaderboardRequest(*request);
  if (!query.ok()) {
    reactor->Finish(ToGrpcStatus(query.status()));
    return reactor;
  }
  coordinator_.ReadStore([query = *std::move(query), reactor, response](JobStore& store) {
    const absl::StatusOr<std::vector<LeaderboardEntry>> entries =
        store.Leaderboard(query.tenant, query.grader, query.limit);
    if (entries.ok()) WriteLeaderboard(*entries, response);
    reactor->Finish(ToClientStatus(entries.status()));
  });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::CountJobs(grpc::CallbackServerContext* context,
                                                   const v1::CountJobsRequest* request,
                                                   v1::CountJobsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  counter_.Count(request->tenant(), [reactor, response](absl::StatusOr<CountedJobs> counted) {
    if (counted.ok()) {
      WriteCounts(counted->counts, response);
      *response->mutable_as_of() = TimeToProto(counted->as_of);
    }
    reactor->Finish(ToClientStatus(counted.status()));
  });
  return reactor;
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* PublicService::WatchJob(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes) {
  grpc::ByteBuffer mine = *bytes;  // shares the bytes; reading them empties the copy
  v1::WatchJobRequest request;
  if (!grpc::SerializationTraits<v1::WatchJobRequest>::Deserialize(&mine, &request).ok()) {
    return WatchStream::Refuse(absl::InvalidArgumentError("the request is no WatchJobRequest"));
  }
  const absl::StatusOr<JobId> id = ReadJobId(request.job_id());
  if (!id.ok()) return WatchStream::Refuse(id.status());
  return WatchStream::Start(coordinator_, Peers::IsMarked(*context) ? nullptr : peers_, *id,
                            {.after_sequence = request.after_sequence(),
                             .progress = request.progress(),
                             .answer_only = request.answer_only(),
                             .cancel_on_disconnect = request.cancel_on_disconnect()});
}

grpc::ServerUnaryReactor* PublicService::ListWorkers(grpc::CallbackServerContext* context,
                                                     const v1::ListWorkersRequest*,
                                                     v1::ListWorkersResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.ListWorkers([reactor, response](std::vector<WorkerInfo> workers) {
    WriteWorkers(std::move(workers), Loop::Now(), response);
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::ListModels(grpc::CallbackServerContext* context,
                                                    const v1::ListModelsRequest*,
                                                    v1::ListModelsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  coordinator_.ListWorkers([this, reactor, response](std::vector<WorkerInfo> workers) {
    const std::shared_ptr<const ModelTable> table = coordinator_.models();
    for (const auto& [id, info] : table->all()) {
      v1::Model* model = response->add_models();
      model->set_id(id);
      model->set_configured(info.configured);
      model->set_context_tokens(info.context_tokens);
      model->set_max_completion_tokens(info.max_completion_tokens);
      model->set_usd_per_million_prompt_tokens(info.usd_per_million_prompt_tokens);
      model->set_usd_per_million_completion_tokens(info.usd_per_million_completion_tokens);
      model->set_tokens_per_second(info.tokens_per_second);
      for (const std::string& effort : info.reasoning_efforts) model->add_reasoning_efforts(effort);
      model->set_default_reasoning_effort(info.default_reasoning_effort);
      model->set_reservation_tokens_max(info.reservation_tokens_max);
      for (std::string& alias : table->AliasesOf(id)) model->add_aliases(std::move(alias));
      uint32_t announced = 0;
      for (const WorkerInfo& worker : workers) {
        for (const std::string& name : worker.hello.models) announced += name == id ? 1 : 0;
      }
      model->set_workers(announced);
    }
    reactor->Finish(grpc::Status::OK);
  });
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::GetMetrics(grpc::CallbackServerContext* context,
                                                    const v1::GetMetricsRequest* request,
                                                    v1::GetMetricsResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (metrics_ == nullptr) {
    reactor->Finish({grpc::StatusCode::UNIMPLEMENTED, "this coordinator has no metrics"});
    return reactor;
  }
  v1::CoordinatorMetrics own = metrics_({request->names().begin(), request->names().end()});
  if (peers_ == nullptr || Peers::IsMarked(*context)) {
    *response->add_coordinators() = std::move(own);
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
  QueryMetrics(std::move(own), *peers_, coordinator_.addresses().All(), *request, response,
               reactor);
  return reactor;
}

grpc::ServerUnaryReactor* PublicService::ListPresets(grpc::CallbackServerContext* context,
                                                     const v1::ListPresetsRequest*,
                                                     v1::ListPresetsResponse* response) {
  for (const v1::Preset& preset : presets_) *response->add_presets() = preset;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace moa
