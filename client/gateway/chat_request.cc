#include "client/gateway/chat_request.h"

#include <optional>
#include <utility>

#include "client/gateway/job_document.h"
#include "client/gateway/request_nodes.h"
#include "common/document/document.h"
#include "common/document/field.h"

namespace moa::gateway {
namespace {

// Fields of the API that make no difference here; clients send them unasked.
constexpr const char* kIgnored[] = {"user",
                                    "metadata",
                                    "store",
                                    "service_tier",
                                    "prompt_cache_key",
                                    "prompt_cache_retention",
                                    "safety_identifier",
                                    "verbosity"};

// Fields of the API that are the aggregator's in a job.
constexpr std::pair<const char*, const char*> kSampling[] = {
    {"temperature", "temperature"},
    {"top_p", "top_p"},
    {"max_completion_tokens", "max_completion_tokens"},
    {"max_tokens", "max_completion_tokens"},
    {"stop", "stop"},
    {"seed", "seed"},
    {"presence_penalty", "presence_penalty"},
    {"frequency_penalty", "frequency_penalty"},
    {"reasoning_effort", "reasoning_effort"},
    {"response_format", "response_format"}};

// A message as job files have it: what clients hand back of earlier answers and has no meaning in a prompt is left out.
Node MessageNode(const Field& message) {
  Node node = message.node();
  if (node.kind != NodeKind::kMapping) return node;
  for (const char* key : {"refusal", "annotations", "audio"}) Drop(&node, key);
  DropNulls(&node);
  if (Node* reasoning = FindChild(&node, "reasoning_content"); reasoning != nullptr) {
    reasoning->key = "reasoning";
  }
  if (Node* calls = FindChild(&node, "tool_calls"); calls != nullptr) {
    for (Node& call : calls->children) Drop(&call, "index");
    if (calls->children.empty()) Drop(&node, "tool_calls");
  }
  Mapping m(message);
  const Field content = m["content"];
  if (content.present() && content.node().kind == NodeKind::kSequence) {
    *FindChild(&node, "content") =
        TextNode("content", TextOfContent(content, {"text"}), content.node());
  }
  return node;
}

// Fields of the API that ask for what there is not.
void RefuseUnsupported(Mapping& m) {
  if (const auto n = m["n"].Unsigned(); n && *n != 1) m["n"].Report("only one answer is given: 1");
  if (m["logprobs"].Bool().value_or(false)) m["logprobs"].Report("is not supported");
  if (m["top_logprobs"].Unsigned().value_or(0) > 0) m["top_logprobs"].Report("is not supported");
  const Field bias = m["logit_bias"];
  if (bias.present() && !bias.Entries().empty()) bias.Report("is not supported");
  const Field modalities = m["modalities"];
  for (const Field& modality : modalities.Items()) {
    if (modality.String().value_or("text") != "text") modality.Report("only \"text\" is answered");
  }
}

void AddConversation(Mapping& m, JobDocument* job) {
  const Field messages = m.Required("messages");
  if (messages.present()) {
    Node list = messages.node();
    list.children.clear();
    for (const Field& message : messages.Items()) {
      if (message.present()) list.children.push_back(MessageNode(message));
    }
    job->Add(std::move(list));
  }
  for (const char* key : {"tools", "tool_choice", "parallel_tool_calls", "seed"}) job->Add(m[key]);
}

void AddSampling(Mapping& m, JobDocument* job) {
  for (const auto& [name, agent_name] : kSampling) {
    const Field field = m[name];
    if (!field.present()) continue;
    Node node = field.node();
    // The provider knows no such field of a schema.
    if (Node* schema = FindChild(&node, "json_schema"); schema != nullptr) {
      Drop(schema, "description");
    }
    job->AddToAggregator(field, agent_name, std::move(node));
  }
}

}  // namespace

std::variant<AnswerRequest, ApiError> ReadChatRequest(absl::string_view body) {
  Problems problems;
  const std::optional<Document> document = ReadJson(body, "body", problems);
  if (!document) return ErrorOfProblems(problems);
  AnswerRequest request;
  Mapping m(Field::Root(*document, problems));
  if (!m.present()) {
    return problems.empty() ? InvalidRequest("the body must be a JSON object")
                            : ErrorOfProblems(problems);
  }
  request.model = m.Required("model").String().value_or("");
  request.stream = m["stream"].Bool().value_or(false);
  Mapping stream_options(m["stream_options"]);
  request.include_usage = stream_options["include_usage"].Bool().value_or(false);
  for (const char* name : kIgnored) m[name];
  RefuseUnsupported(m);
  JobDocument job(&request);
  AddConversation(m, &job);
  job.AddMoa(m["moa"]);
  AddSampling(m, &job);
  job.ReadInto(problems);
  m.ReportUnknown();
  if (!problems.empty()) {
    problems.SortByLine();
    return ErrorOfProblems(problems);
  }
  return request;
}

}  // namespace moa::gateway
