#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/gateway/api_error.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

// A place in a request's conversation that names an item of an earlier answer instead of repeating it. A value type.
struct ItemReference {
  enum class Kind { kMessage, kReasoning, kCall };
  Kind kind = Kind::kMessage;
  std::string job_id;  // whose answer has the item
  int call = 0;        // kCall: which of the answer's calls
  int message = 0;     // where it belongs: of the job's messages,
  int slot = 0;        // and, kCall, of that message's calls
  std::string field;   // the request's, for errors
};

// A request for an answer, as a job: what every API that gives answers makes of its own form. docs/gateway.md has the
// fields.
//
//   auto read = ReadChatRequest(body);
//   …
//   if (auto error = SetModel(presets, &request)) …
//
// A value type.
struct AnswerRequest {
  std::string model;  // as asked for: a preset's name or a model's id
  v1::JobSpec spec;   // without either until SetModel
  bool stream = false;
  bool include_usage = false;             // a chunk of its own at the end of a stream
  bool progress = false;                  // named events about the agents in a stream
  std::vector<ItemReference> references;  // to be filled in before the job is submitted
  FieldNames names;
};

// Makes `request->model` the job's preset, where there is one of that name, else its aggregator's model. An error when
// the request says something else of that at the same time. Pure.
std::optional<ApiError> SetModel(const std::vector<v1::Preset>& presets, AnswerRequest* request);

// Puts what `reference` names of `job`, which has its id, in its place. An error when there is no such item that the
// request's tenant may see. Pure.
std::optional<ApiError> FillIn(const ItemReference& reference, const v1::Job& job,
                               AnswerRequest* request);
// What to say of a reference whose job is not there.
ApiError UnknownItem(const ItemReference& reference);

}  // namespace moa::gateway
