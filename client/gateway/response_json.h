#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_form.h"
#include "client/json/object_writer.h"
#include "moa/v1/job.pb.h"

namespace moa::gateway {

// The objects of OpenAI's Responses API. Pure functions; texts that are not well-formed UTF-8 are repaired.
//
// Ids name the job, so that a later request can refer to what this one gave: "resp_JOB" for the response, "rs_JOB",
// "msg_JOB" and "fc_JOB_0" for its reasoning, its message and its calls.
std::string ResponseId(absl::string_view job_id);
std::string ReasoningId(absl::string_view job_id);
std::string MessageId(absl::string_view job_id);
std::string CallId(absl::string_view job_id, uint64_t index);

// What a response repeats of its request: fields with their values as JSON, every field that the API has.
using ResponseEcho = std::vector<std::pair<std::string, std::string>>;

// A response at one point of its way.
struct ResponseState {
  absl::string_view status = "in_progress";  // or "completed", "incomplete", "failed"
  absl::string_view incomplete_reason = "";  // empty: null
  const ApiError* error = nullptr;           // null: none, as the rest
  const v1::Completion* answer = nullptr;    // what is in its output
  const JobFacts* facts = nullptr;           // once the job has ended
};

// How a response ends whose answer has this finish_reason.
ResponseState EndState(absl::string_view finish_reason);

// {"id":…,"object":"response",…}, under `key` where there is one.
void WriteResponse(const char* key, const AnswerHead& head, const ResponseEcho& echo,
                   const ResponseState& state, ObjectWriter& out);

// Items of an output and parts of their content, under `key` where there is one. `status` is the item's; one that is
// "in_progress" has no text yet.
void WriteReasoning(const char* key, const AnswerHead& head, absl::string_view status,
                    absl::string_view text, ObjectWriter& out);
void WriteMessage(const char* key, const AnswerHead& head, absl::string_view status,
                  absl::string_view text, ObjectWriter& out);
void WriteCall(const char* key, const std::string& id, absl::string_view status,
               const v1::ToolCall& call, ObjectWriter& out);
void WriteReasoningPart(const char* key, absl::string_view text, ObjectWriter& out);
void WriteTextPart(const char* key, absl::string_view text, ObjectWriter& out);

}  // namespace moa::gateway
