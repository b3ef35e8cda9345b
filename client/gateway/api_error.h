#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/document/problems.h"
#include "common/http/http_message.h"
#include "moa/v1/job.pb.h"

namespace moa::gateway {

// What went wrong, as OpenAI's API says it: {"error":{"message","type","param","code"}}, and "problems". A value type.
struct ApiError {
  int status = 500;
  std::string type = "server_error";
  std::string message;
  std::string param;  // the field as the client named it; empty: null
  std::string code;   // empty: null
  std::optional<absl::Duration> retry_after;
  // Another try would end the same, or would pay for all of it again: the official clients are told not to.
  bool is_final = false;
  // Every mistake of a request that is not valid, with its field: "problems" beside OpenAI's own.
  Problems problems = {};
};

// How a job's fields are called in the request that it was made from.
class FieldNames {
 public:
  // What is at or below `job_field` came from `request_field`.
  void Add(std::string job_field, std::string request_field);
  // The request's name of a field of the job; the same name where none was added.
  std::string InRequest(absl::string_view job_field) const;

 private:
  std::vector<std::pair<std::string, std::string>> names_;
};

ApiError InvalidRequest(std::string message, std::string param = "", std::string code = "");

// Of a request that was not read: every mistake in one message, `param` the first one's field.
ApiError ErrorOfProblems(const Problems& problems);

// Of a call that the coordinator did not answer with OK. An invalid job's mistakes are all in the message; a model that
// the coordinator does not know is 404 where it is the request's `model`.
ApiError ErrorOfStatus(const absl::Status& status, const FieldNames& names = {});

// Of a job that FAILED or was CANCELLED.
ApiError ErrorOfJob(const v1::Error& error);

std::string ErrorJson(const ApiError& error);
HttpResponse ErrorResponse(const ApiError& error);

}  // namespace moa::gateway
