#include "client/gateway/response_request.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "client/gateway/job_document.h"
#include "client/gateway/request_nodes.h"
#include "client/gateway/response_input.h"
#include "common/document/document.h"
#include "common/document/field.h"
#include "common/document/json_text.h"

namespace moa::gateway {
namespace {

// Fields of the API that make no difference here; clients send them unasked.
constexpr const char* kIgnored[] = {"user",
                                    "store",
                                    "service_tier",
                                    "prompt_cache_key",
                                    "prompt_cache_retention",
                                    "safety_identifier",
                                    "stream_options",
                                    "max_tool_calls"};

// What a response repeats, with what it says where the request says nothing.
constexpr std::pair<const char*, const char*> kEcho[] = {
    {"instructions", "null"},
    {"max_output_tokens", "null"},
    {"metadata", "{}"},
    {"parallel_tool_calls", "true"},
    {"previous_response_id", "null"},
    {"reasoning", R"({"effort":null,"summary":null})"},
    {"store", "true"},
    {"temperature", "null"},
    {"text", R"({"format":{"type":"text"}})"},
    {"tool_choice", "\"auto\""},
    {"tools", "[]"},
    {"top_p", "null"},
    {"truncation", "\"disabled\""}};

// Fields of the API that ask for what there is not.
void RefuseUnsupported(Mapping& m) {
  if (m["background"].Bool().value_or(false)) {
    m["background"].Report("is not supported: POST /v1/jobs begins what depends on no connection");
  }
  for (const char* name : {"conversation", "prompt"}) {
    if (m[name].present()) m[name].Report("is not supported");
  }
  if (m["top_logprobs"].Unsigned().value_or(0) > 0) m["top_logprobs"].Report("is not supported");
  if (m["truncation"].String().value_or("disabled") != "disabled") {
    m["truncation"].Report("only \"disabled\" is supported");
  }
  for (const Field& one : m["include"].Items()) {
    if (one.String().value_or("") == "message.output_text.logprobs") {
      one.Report("is not supported");
    }
  }
}

void AddPrevious(const Field& previous, AnswerRequest* request, JobDocument* job) {
  const std::optional<std::string> id = previous.String();
  if (!id) return;
  if (!absl::StartsWith(*id, "resp_")) {
    return previous.Report("is no id of a response of this gateway");
  }
  request->names.Add("follows", previous.path());
  job->Add(TextNode("follows", id->substr(5), previous.node()));
}

// {"type": "function", "name": …} as {"type": "function", "function": {"name": …}}.
void AddToolChoice(const Field& choice, AnswerRequest* request, JobDocument* job) {
  if (!choice.present() || choice.node().kind != NodeKind::kMapping) return job->Add(choice);
  Mapping m(choice);
  const Field type = m.Required("type");
  if (type.String().value_or("function") != "function") {
    return type.Report("must be function; or tool_choice none, auto or required");
  }
  const Field name = m.Required("name");
  m.ReportUnknown();
  if (!name.present()) return;
  Node function = MappingNode("function");
  function.children.push_back(name.node());
  Node node = MappingNode("tool_choice");
  node.children.push_back(std::move(function));
  request->names.Add("tool_choice.function", choice.path());
  job->Add(std::move(node));
}

// {"type": "json_schema", "name": …} as {"type": "json_schema", "json_schema": {"name": …}}.
void AddFormat(Mapping& text, AnswerRequest* request, JobDocument* job) {
  text["verbosity"];
  const Field format = text["format"];
  text.ReportUnknown();
  if (!format.present()) return;
  Node node = format.node();
  if (node.kind == NodeKind::kMapping) {
    Node schema = MappingNode("json_schema");
    Node outer = MappingNode("response_format");
    for (Node& child : node.children) {
      // The provider knows no description of a schema.
      if (child.key == "description" || child.IsNull()) continue;
      (child.key == "type" ? outer : schema).children.push_back(std::move(child));
    }
    if (!schema.children.empty()) outer.children.push_back(std::move(schema));
    node = std::move(outer);
    request->names.Add("moa.aggregator.response_format.json_schema", format.path());
  }
  job->AddToAggregator(format, "response_format", std::move(node));
}

void AddSampling(Mapping& m, AnswerRequest* request, JobDocument* job) {
  for (const char* name : {"temperature", "top_p"}) job->AddToAggregator(m[name], name);
  job->AddToAggregator(m["max_output_tokens"], "max_completion_tokens");
  Mapping reasoning(m["reasoning"]);
  for (const char* name : {"summary", "generate_summary"}) reasoning[name];
  job->AddToAggregator(reasoning["effort"], "reasoning_effort");
  reasoning.ReportUnknown();
  Mapping text(m["text"]);
  AddFormat(text, request, job);
}

ResponseEcho EchoOf(Mapping& m) {
  ResponseEcho echo;
  for (const auto& [name, otherwise] : kEcho) {
    const Field field = m[name];
    echo.emplace_back(name, field.present() ? ToJson(field.node()) : otherwise);
  }
  return echo;
}

}  // namespace

std::variant<ResponseRequest, ApiError> ReadResponseRequest(absl::string_view body) {
  Problems problems;
  const std::optional<Document> document = ReadJson(body, "body", problems);
  if (!document) return ErrorOfProblems(problems);
  ResponseRequest read;
  AnswerRequest& request = read.answer;
  Mapping m(Field::Root(*document, problems));
  if (!m.present()) {
    return problems.empty() ? InvalidRequest("the body must be a JSON object")
                            : ErrorOfProblems(problems);
  }
  request.model = m.Required("model").String().value_or("");
  request.stream = m["stream"].Bool().value_or(false);
  for (const char* name : kIgnored) m[name];
  RefuseUnsupported(m);
  JobDocument job(&request);
  AddPrevious(m["previous_response_id"], &request, &job);
  ResponseInput input(&request);
  input.AddInstructions(m["instructions"]);
  input.AddInput(m.Required("input"));
  input.MoveTo(&job);
  for (const char* key : {"tools", "parallel_tool_calls"}) job.Add(m[key]);
  AddToolChoice(m["tool_choice"], &request, &job);
  job.AddMoa(m["moa"]);
  AddSampling(m, &request, &job);
  job.ReadInto(problems);
  read.echo = EchoOf(m);
  m.ReportUnknown();
  if (!problems.empty()) {
    problems.SortByLine();
    return ErrorOfProblems(problems);
  }
  return read;
}

}  // namespace moa::gateway
