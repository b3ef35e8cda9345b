#include "client/gateway/jobs_api.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/gateway/caller.h"
#include "client/gateway/event_stream.h"
#include "client/gateway/job_convert.h"
#include "client/json/grades_json.h"
#include "client/json/inspect_json.h"
#include "client/json/job_states.h"
#include "client/json/json_output.h"
#include "client/json/metrics_json.h"
#include "client/lib/moa_client.h"
#include "common/document/field.h"
#include "common/jobfile/job_file.h"

namespace moa::gateway {
namespace {

using Methods = Coordinators::Methods;

// Asks a coordinator and answers with what `json` makes of its answer.
template <typename Request, typename Response, typename Json>
void Forward(Coordinators& coordinators, Coordinators::Method<Request, Response> method,
             Request request, std::shared_ptr<Reply> reply, Json json) {
  coordinators.loop().Post([&coordinators, method, request = std::move(request),
                            reply = std::move(reply), json = std::move(json)]() mutable {
    coordinators.Call<Request, Response>(
        method, std::move(request), {},
        [reply = std::move(reply), json = std::move(json)](const absl::StatusOr<Response>& answer) {
          if (!answer.ok()) return reply->SendError(ErrorOfStatus(answer.status()));
          reply->SendJson(json(*answer));
        });
  });
}

// The job file in the body; null where it was refused.
std::shared_ptr<JobFile> ReadJob(const HttpRequest& request, Reply& reply) {
  Problems problems;
  std::optional<JobFile> job = ReadJobFile(request.body, "body.json", problems);
  if (job) return std::make_shared<JobFile>(*std::move(job));
  reply.SendError(ErrorOfProblems(problems));
  return nullptr;
}

// Why the coordinator did not take it, with the names of the file.
ApiError ErrorOfJobFile(const absl::Status& status, const JobFile& job) {
  const std::vector<Violation> violations = ViolationsOf(status);
  if (violations.empty()) return ErrorOfStatus(status);
  Problems problems;
  for (const Violation& violation : violations) {
    Problem problem = job.Locate(violation.field, violation.description);
    if (problem.path.empty()) problem.line = 0;
    problems.Add(std::move(problem));
  }
  return ErrorOfProblems(problems);
}

// A number in the query; `fallback` where there is none. False after it was refused.
bool ReadNumber(const HttpRequest& request, const char* name, uint64_t* value, Reply& reply) {
  const std::string text = request.QueryValue(name);
  if (text.empty() || absl::SimpleAtoi(text, value)) return true;
  reply.SendError(InvalidRequest(absl::StrCat(name, ": must be a whole number"), name));
  return false;
}

}  // namespace

void JobsApi::Serve(const RouteMatch& match, const HttpRequest& request, ReplyPtr reply) {
  switch (match.route) {
    case Route::kJobs:
      return request.method == "POST" ? Submit(request, std::move(reply))
                                      : List(request, std::move(reply));
    case Route::kJobsInspect:
      return Inspect(request, std::move(reply));
    case Route::kJobsConvert:
      return Convert(request, reply);
    case Route::kJobsCount:
      return Count(request, std::move(reply));
    case Route::kJob:
      return Get(match.id, std::move(reply));
    case Route::kJobCancel:
      return Cancel(match.id, request, std::move(reply));
    case Route::kJobEvents:
      return Events(match.id, request, std::move(reply));
    case Route::kPresets:
    case Route::kPreset:
      return Presets(match.id, std::move(reply));
    case Route::kWorkers:
      return Forward<v1::ListWorkersRequest, v1::ListWorkersResponse>(
          coordinators_, &Methods::ListWorkers, {}, std::move(reply), [](const auto& answer) {
            return WorkersJson({answer.workers().begin(), answer.workers().end()});
          });
    case Route::kMetrics:
      return Metrics(request, std::move(reply));
    case Route::kModelTable:
      return Forward<v1::ListModelsRequest, v1::ListModelsResponse>(
          coordinators_, &Methods::ListModels, {}, std::move(reply), [](const auto& answer) {
            return ModelsJson({answer.models().begin(), answer.models().end()});
          });
    case Route::kGraders:
      return reply->SendJson(GradersJson());
    case Route::kGrades:
      return Grades(request, std::move(reply));
    case Route::kLeaderboard:
      return Leaderboard(request, std::move(reply));
    case Route::kOther:
    case Route::kModels:
    case Route::kModel:
    case Route::kChat:
    case Route::kResponses:
      break;
  }
}

void JobsApi::Submit(const HttpRequest& request, ReplyPtr reply) {
  const std::shared_ptr<JobFile> job = ReadJob(request, *reply);
  if (job == nullptr) return;
  v1::SubmitJobRequest submit;
  *submit.mutable_job() = std::move(job->spec);
  submit.set_idempotency_key(KeyOf(request));
  coordinators_.loop().Post(
      [this, submit = std::move(submit), trace = TraceOf(request), job, reply]() mutable {
        coordinators_.Call<v1::SubmitJobRequest, v1::SubmitJobResponse>(
            &Methods::SubmitJob, std::move(submit), std::move(trace),
            [job, reply](const absl::StatusOr<v1::SubmitJobResponse>& answer) {
              if (!answer.ok()) return reply->SendError(ErrorOfJobFile(answer.status(), *job));
              reply->AddHeader("Location", absl::StrCat("/v1/jobs/", answer->job_id()));
              reply->AddHeader("X-Moa-Job-Id", answer->job_id());
              reply->SendJson(SubmittedJson(*answer), 202);
            });
      });
}

void JobsApi::Inspect(const HttpRequest& request, ReplyPtr reply) {
  const std::shared_ptr<JobFile> job = ReadJob(request, *reply);
  if (job == nullptr) return;
  v1::InspectJobRequest inspect;
  *inspect.mutable_job() = std::move(job->spec);
  coordinators_.loop().Post([this, inspect = std::move(inspect), job, reply]() mutable {
    coordinators_.Call<v1::InspectJobRequest, v1::InspectJobResponse>(
        &Methods::InspectJob, std::move(inspect), {},
        [job, reply](const absl::StatusOr<v1::InspectJobResponse>& answer) {
          if (!answer.ok()) return reply->SendError(ErrorOfJobFile(answer.status(), *job));
          reply->SendJson(InspectJson(*answer));
        });
  });
}

void JobsApi::Convert(const HttpRequest& request, const ReplyPtr& reply) {
  const std::string now = absl::FormatTime("%Y-%m-%dT%H:%M:%S", absl::Now(), absl::UTCTimeZone());
  std::variant<std::string, ApiError> converted =
      ConvertedJob(request.body, request.QueryValue("file"), now);
  if (const ApiError* error = std::get_if<ApiError>(&converted)) return reply->SendError(*error);
  reply->SendJson(std::get<std::string>(std::move(converted)));
}

void JobsApi::List(const HttpRequest& request, ReplyPtr reply) {
  v1::ListJobsRequest list;
  list.set_tenant(request.QueryValue("tenant"));
  list.set_page_token(request.QueryValue("page_token"));
  list.set_search(request.QueryValue("search"));
  uint64_t page_size = 0;
  if (!ReadNumber(request, "page_size", &page_size, *reply)) return;
  // What is too large is the coordinator's to refuse.
  list.set_page_size(static_cast<uint32_t>(std::min<uint64_t>(page_size, 1'000'000)));
  const std::string states = request.QueryValue("state");
  for (const absl::string_view name : absl::StrSplit(states, ',', absl::SkipEmpty())) {
    const v1::JobState state = JobStateFromName(std::string(name));
    if (state == v1::JOB_STATE_UNSPECIFIED) {
      return reply->SendError(InvalidRequest(
          "state: must be of queued, running, succeeded, failed, cancelled", "state"));
    }
    list.add_states(state);
  }
  Forward<v1::ListJobsRequest, v1::ListJobsResponse>(
      coordinators_, &Methods::ListJobs, std::move(list), std::move(reply), [](const auto& answer) {
        return JobsJson({answer.jobs().begin(), answer.jobs().end()}, answer.next_page_token());
      });
}

void JobsApi::Grades(const HttpRequest& request, ReplyPtr reply) {
  v1::ListGradesRequest list;
  list.set_tenant(request.QueryValue("tenant"));
  list.set_config(request.QueryValue("config"));
  list.set_page_token(request.QueryValue("page_token"));
  if (const std::string grader = request.QueryValue("grader"); !grader.empty()) {
    list.mutable_grader()->set_name(grader);
  }
  uint64_t page_size = 0;
  if (!ReadNumber(request, "page_size", &page_size, *reply)) return;
  list.set_page_size(static_cast<uint32_t>(std::min<uint64_t>(page_size, 1'000'000)));
  Forward<v1::ListGradesRequest, v1::ListGradesResponse>(
      coordinators_, &Methods::ListGrades, std::move(list), std::move(reply), GradesJson);
}

void JobsApi::Leaderboard(const HttpRequest& request, ReplyPtr reply) {
  v1::GetLeaderboardRequest get;
  get.set_tenant(request.QueryValue("tenant"));
  get.mutable_grader()->set_name(request.QueryValue("grader"));
  uint64_t size = 0;
  if (!ReadNumber(request, "size", &size, *reply)) return;
  get.set_size(static_cast<uint32_t>(std::min<uint64_t>(size, 1'000'000)));
  Forward<v1::GetLeaderboardRequest, v1::GetLeaderboardResponse>(
      coordinators_, &Methods::GetLeaderboard, std::move(get), std::move(reply),
      [](const auto& answer) {
        return LeaderboardJson({answer.rows().begin(), answer.rows().end()});
      });
}

void JobsApi::Metrics(const HttpRequest& request, ReplyPtr reply) {
  v1::GetMetricsRequest get;
  const std::string names = request.QueryValue("names");
  for (const absl::string_view name : absl::StrSplit(names, ',', absl::SkipEmpty())) {
    get.add_names(std::string(name));
  }
  Forward<v1::GetMetricsRequest, v1::GetMetricsResponse>(
      coordinators_, &Methods::GetMetrics, std::move(get), std::move(reply), MetricsJson);
}

void JobsApi::Count(const HttpRequest& request, ReplyPtr reply) {
  v1::CountJobsRequest count;
  count.set_tenant(request.QueryValue("tenant"));
  Forward<v1::CountJobsRequest, v1::CountJobsResponse>(
      coordinators_, &Methods::CountJobs, std::move(count), std::move(reply), CountsJson);
}

void JobsApi::Get(const std::string& id, ReplyPtr reply) {
  v1::GetJobRequest get;
  get.set_job_id(id);
  Forward<v1::GetJobRequest, v1::Job>(coordinators_, &Methods::GetJob, std::move(get),
                                      std::move(reply), JobJson);
}

void JobsApi::Cancel(const std::string& id, const HttpRequest& request, ReplyPtr reply) {
  v1::CancelJobRequest cancel;
  cancel.set_job_id(id);
  if (!request.body.empty()) {
    Problems problems;
    const std::optional<Document> document = ReadJson(request.body, "body", problems);
    if (document) {
      Mapping m(Field::Root(*document, problems));
      cancel.set_reason(m["reason"].String().value_or(""));
      m.ReportUnknown();
    }
    if (!problems.empty()) return reply->SendError(ErrorOfProblems(problems));
  }
  Forward<v1::CancelJobRequest, v1::Job>(coordinators_, &Methods::CancelJob, std::move(cancel),
                                         std::move(reply), JobJson);
}

void JobsApi::Events(const std::string& id, const HttpRequest& request, ReplyPtr reply) {
  EventStream::Options options{.job_id = id, .keep_alive = keep_alive_};
  if (!ReadNumber(request, "after", &options.after_sequence, *reply)) return;
  // What a browser says when it comes back, of a URL that stays the same.
  if (const HttpHeader* last = request.FindHeader("Last-Event-ID");
      last != nullptr && !absl::SimpleAtoi(last->value, &options.after_sequence)) {
    return reply->SendError(InvalidRequest("Last-Event-ID: must be a sequence", "Last-Event-ID"));
  }
  const std::string progress = request.QueryValue("progress");
  options.progress = progress == "true" || progress == "1";
  coordinators_.loop().Post([this, options = std::move(options), reply = std::move(reply)] {
    EventStream::Start(coordinators_, options, reply);
  });
}

void JobsApi::Presets(const std::string& name, ReplyPtr reply) {
  coordinators_.loop().Post([this, name, reply = std::move(reply)] {
    catalogue_.Get([name, reply](const absl::StatusOr<Catalogue::Presets>& presets) {
      if (!presets.ok()) return reply->SendError(ErrorOfStatus(presets.status()));
      if (name.empty()) return reply->SendJson(PresetsJson(*presets));
      for (const v1::Preset& preset : *presets) {
        if (preset.name() == name) return reply->SendJson(PresetJson(preset));
      }
      reply->SendError(ErrorOfStatus(absl::NotFoundError("there is no preset of that name")));
    });
  });
}

}  // namespace moa::gateway
