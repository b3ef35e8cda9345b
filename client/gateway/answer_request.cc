#include "client/gateway/answer_request.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa::gateway {
namespace {

std::string TenantOf(const v1::JobSpec& spec) {
  return spec.tenant().empty() ? "default" : spec.tenant();
}

}  // namespace

std::optional<ApiError> SetModel(const std::vector<v1::Preset>& presets, AnswerRequest* request) {
  v1::JobSpec& spec = request->spec;
  const auto preset = std::find_if(presets.begin(), presets.end(),
                                   [&](const v1::Preset& p) { return p.name() == request->model; });
  if (preset != presets.end()) {
    if (preset->moa().best_answer() && !spec.moa().best_answer() && spec.moa().has_aggregator() &&
        spec.moa().aggregator().model().empty()) {
      return InvalidRequest(
          absl::StrCat("the preset ", request->model,
                       " has no aggregator: its answer is one of "
                       "its agents', and temperature, max_tokens and the like are set there"),
          "model");
    }
    spec.set_preset(request->model);
    return std::nullopt;
  }
  if (spec.moa().best_answer()) {
    return InvalidRequest(
        "names no preset, and with \"answer\": \"best\" there is no aggregator whose model it "
        "could be",
        "model");
  }
  v1::Agent* aggregator = spec.mutable_moa()->mutable_aggregator();
  if (!aggregator->model().empty() && aggregator->model() != request->model) {
    return InvalidRequest("is not the model that the request names as its own",
                          "moa.aggregator.model");
  }
  aggregator->set_model(request->model);
  request->names.Add("moa.aggregator.model", "model");
  return std::nullopt;
}

std::optional<ApiError> FillIn(const ItemReference& reference, const v1::Job& job,
                               AnswerRequest* request) {
  if (job.state() != v1::JOB_STATE_SUCCEEDED || TenantOf(job.spec()) != TenantOf(request->spec)) {
    return UnknownItem(reference);
  }
  const v1::Completion& answer = job.answer();
  v1::Message* message = request->spec.mutable_messages(reference.message);
  switch (reference.kind) {
    case ItemReference::Kind::kMessage:
      message->set_content(answer.content());
      return std::nullopt;
    case ItemReference::Kind::kReasoning:
      message->set_reasoning(answer.reasoning());
      return std::nullopt;
    case ItemReference::Kind::kCall:
      if (reference.call >= answer.tool_calls_size()) return UnknownItem(reference);
      *message->mutable_tool_calls(reference.slot) = answer.tool_calls(reference.call);
      return std::nullopt;
  }
  return UnknownItem(reference);
}

ApiError UnknownItem(const ItemReference& reference) {
  return InvalidRequest(
      absl::StrCat(reference.field, ": there is no such item of an earlier response"),
      reference.field, "item_not_found");
}

}  // namespace moa::gateway
