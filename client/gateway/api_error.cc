#include "client/gateway/api_error.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/gateway/problem_json.h"
#include "client/json/object_writer.h"
#include "client/lib/moa_client.h"
#include "common/trace/job_names.h"

namespace moa::gateway {
namespace {

constexpr char kInvalid[] = "invalid_request_error";
constexpr char kModelField[] = "moa.aggregator.model";

// nginx's number for a request that its client gave up; here: a job that somebody cancelled.
constexpr int kClientClosedRequest = 499;

std::string Line(const std::string& field, absl::string_view message) {
  return field.empty() ? std::string(message) : absl::StrCat(field, ": ", message);
}

ApiError InvalidJob(const absl::Status& status, const FieldNames& names) {
  ApiError error = InvalidRequest(std::string(status.message()));
  const std::vector<Violation> violations = ViolationsOf(status);
  if (violations.empty()) return error;
  error.message.clear();
  for (const Violation& violation : violations) {
    std::string field = names.InRequest(violation.field);
    absl::StrAppend(&error.message, error.message.empty() ? "" : "; ",
                    Line(field, violation.description));
    error.problems.Add({.path = std::move(field), .message = violation.description});
  }
  error.param = names.InRequest(violations[0].field);
  if (violations.size() == 1 && violations[0].field == kModelField && error.param == "model") {
    error.status = 404;
    error.code = "model_not_found";
  }
  return error;
}

struct JobErrorRow {
  v1::ErrorCode code;
  int status;
  const char* type;
  bool is_final;
};

// The system has retried what passes, so what is left is mostly not worth the whole price once more.
constexpr JobErrorRow kJobErrors[] = {
    {v1::ERROR_CODE_INVALID_REQUEST, 400, kInvalid, true},
    {v1::ERROR_CODE_UNAUTHORIZED, 502, "server_error", true},
    {v1::ERROR_CODE_PAYMENT_REQUIRED, 502, "server_error", true},
    {v1::ERROR_CODE_MODEL_NOT_FOUND, 404, kInvalid, true},
    {v1::ERROR_CODE_CONTEXT_LENGTH_EXCEEDED, 400, kInvalid, true},
    {v1::ERROR_CODE_QUOTA_EXCEEDED, 429, "rate_limit_error", false},
    {v1::ERROR_CODE_QUEUE_EXCEEDED, 429, "rate_limit_error", false},
    {v1::ERROR_CODE_SERVER_ERROR, 502, "server_error", false},
    {v1::ERROR_CODE_CONNECTION_FAILED, 502, "server_error", false},
    {v1::ERROR_CODE_UPSTREAM_TIMEOUT, 504, "server_error", false},
    {v1::ERROR_CODE_TRUNCATED, 502, "server_error", false},
    {v1::ERROR_CODE_MALFORMED_RESPONSE, 502, "server_error", false},
    {v1::ERROR_CODE_WORKER_LOST, 502, "server_error", false},
    {v1::ERROR_CODE_DEADLINE_EXCEEDED, 504, "server_error", true},
    {v1::ERROR_CODE_CANCELLED, kClientClosedRequest, kInvalid, true},
    {v1::ERROR_CODE_INTERNAL, 500, "server_error", false},
    {v1::ERROR_CODE_BUDGET_EXCEEDED, 400, kInvalid, true},
};

void WriteOrNull(const char* key, const std::string& text, ObjectWriter& out) {
  if (text.empty()) {
    out.Null(key);
  } else {
    out.Text(key, text);
  }
}

}  // namespace

void FieldNames::Add(std::string job_field, std::string request_field) {
  names_.emplace_back(std::move(job_field), std::move(request_field));
}

std::string FieldNames::InRequest(absl::string_view job_field) const {
  for (const auto& [job, request] : names_) {
    absl::string_view rest = job_field;
    if (!absl::StartsWith(rest, job)) continue;
    rest.remove_prefix(job.size());
    if (rest.empty() || rest[0] == '.' || rest[0] == '[') return absl::StrCat(request, rest);
  }
  return std::string(job_field);
}

ApiError InvalidRequest(std::string message, std::string param, std::string code) {
  return {.status = 400,
          .type = kInvalid,
          .message = std::move(message),
          .param = std::move(param),
          .code = std::move(code)};
}

ApiError ErrorOfProblems(const Problems& problems) {
  ApiError error = InvalidRequest("");
  for (const Problem& problem : problems.shown()) {
    absl::StrAppend(&error.message, error.message.empty() ? "" : "; ",
                    problem.path.empty() && problem.line > 0
                        ? absl::StrCat("the body, line ", problem.line, ", column ", problem.column,
                                       ": ", problem.message)
                        : Line(problem.path, problem.message));
  }
  if (problems.total() > problems.shown().size()) {
    absl::StrAppend(&error.message, "; and ", problems.total() - problems.shown().size(), " more");
  }
  if (!problems.empty()) error.param = problems.shown()[0].path;
  error.problems = problems;
  return error;
}

ApiError ErrorOfStatus(const absl::Status& status, const FieldNames& names) {
  ApiError error{.message = std::string(status.message()), .retry_after = RetryDelayOf(status)};
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
      return InvalidJob(status, names);
    case absl::StatusCode::kNotFound:
      error.status = 404;
      error.type = kInvalid;
      error.code = "not_found";
      break;
    case absl::StatusCode::kAlreadyExists:
      error.status = 409;
      error.type = kInvalid;
      error.code = "idempotency_conflict";
      error.is_final = true;
      break;
    case absl::StatusCode::kResourceExhausted:
      error.status = 429;
      error.type = "rate_limit_error";
      error.code = "queue_full";
      if (!error.retry_after) error.retry_after = absl::Seconds(1);
      break;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kCancelled:
      error.status = 503;
      error.code = "unavailable";
      if (!error.retry_after) error.retry_after = absl::Seconds(1);
      break;
    case absl::StatusCode::kDeadlineExceeded:
      error.status = 504;
      error.code = "timeout";
      break;
    case absl::StatusCode::kUnimplemented:
      error.status = 501;
      error.code = "unimplemented";
      error.is_final = true;
      break;
    default:
      break;
  }
  return error;
}

ApiError ErrorOfJob(const v1::Error& error) {
  ApiError made{.message = error.message(), .code = absl::AsciiStrToLower(ErrorName(error.code()))};
  if (made.message.empty()) made.message = "the job did not succeed";
  for (const JobErrorRow& row : kJobErrors) {
    if (row.code != error.code()) continue;
    made.status = row.status;
    made.type = row.type;
    made.is_final = row.is_final;
  }
  return made;
}

std::string ErrorJson(const ApiError& error) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginObject("error");
  out.Text("message", error.message);
  out.Text("type", error.type);
  WriteOrNull("param", error.param, out);
  WriteOrNull("code", error.code, out);
  if (!error.problems.empty()) WriteProblems("problems", error.problems, out);
  out.EndObject();
  out.EndObject();
  return out.Take();
}

HttpResponse ErrorResponse(const ApiError& error) {
  HttpResponse response(error.status, "application/json", ErrorJson(error));
  if (error.retry_after) {
    const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(*error.retry_after, absl::Seconds(1)));
    response.AddHeader("Retry-After", absl::StrCat(std::max<int64_t>(1, seconds)));
  }
  if (error.is_final) response.AddHeader("X-Should-Retry", "false");
  return response;
}

}  // namespace moa::gateway
