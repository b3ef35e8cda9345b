#include "simulator/chat_request.h"

#include <simdjson.h>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulator/field_rules.h"
#include "simulator/json_schema.h"
#include "simulator/request_messages.h"

namespace moa::simulator {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

constexpr FieldRule kChatRules[] = {
    {"model", FieldType::kString, false},
    {"messages", FieldType::kArray, false},
    {"max_completion_tokens", FieldType::kInteger, true, -1},
    {"max_tokens", FieldType::kInteger, true, -1},
    {"min_completion_tokens", FieldType::kInteger, true, -1},
    {"min_tokens", FieldType::kInteger, true, -1},
    {"temperature", FieldType::kNumber, true, 0, 2},
    {"top_p", FieldType::kNumber, true, 0, 1},
    {"frequency_penalty", FieldType::kNumber, true, -2, 2},
    {"presence_penalty", FieldType::kNumber, true, -2, 2},
    {"logit_bias", FieldType::kObject},
    {"logprobs", FieldType::kBool},
    {"top_logprobs", FieldType::kInteger, true, 0, 20},
    {"n", FieldType::kInteger, true, 1, 128},
    {"seed", FieldType::kInteger},
    {"stop", FieldType::kStringOrStrings},
    {"stream", FieldType::kBool},
    {"stream_options", FieldType::kObject},
    {"tools", FieldType::kArray},
    {"tool_choice", FieldType::kStringOrObject},
    {"parallel_tool_calls", FieldType::kBool},
    {"response_format", FieldType::kObject},
    {"reasoning_effort", FieldType::kString, true, 0, 0, "none|low|medium|high"},
    {"reasoning_format", FieldType::kString, true, 0, 0, "none|parsed|text_parsed|raw|hidden"},
    {"disable_reasoning", FieldType::kBool},
    {"clear_thinking", FieldType::kBool},
    {"prediction", FieldType::kObject},
    {"prompt_cache_key", FieldType::kString, true, 0, 0, nullptr, 1024},
    {"service_tier", FieldType::kString, true, 0, 0, "auto|default|flex|priority"},
    {"model_parameters", FieldType::kObject},
    {"user", FieldType::kString},
};

constexpr FieldRule kTextRules[] = {
    {"model", FieldType::kString, false},
    {"prompt", FieldType::kStringOrArray, false},
    {"best_of", FieldType::kInteger, true, 1},
    {"echo", FieldType::kBool},
    {"grammar_root", FieldType::kString},
    {"logprobs", FieldType::kInteger, true, 0, 20},
    {"max_tokens", FieldType::kInteger, true, -1},
    {"min_tokens", FieldType::kInteger, true, -1},
    {"n", FieldType::kInteger, true, 1, 128},
    {"return_raw_tokens", FieldType::kBool},
    {"seed", FieldType::kInteger},
    {"stop", FieldType::kStringOrStrings},
    {"stream", FieldType::kBool},
    {"stream_options", FieldType::kObject},
    {"suffix", FieldType::kString},
    {"prompt_cache_key", FieldType::kString, true, 0, 0, nullptr, 1024},
    {"temperature", FieldType::kNumber, true, 0, 2},
    {"top_p", FieldType::kNumber, true, 0, 1},
    {"user", FieldType::kString},
};

constexpr FieldRule kStreamOptionRules[] = {{"include_usage", FieldType::kBool}};
constexpr FieldRule kToolDefinitionRules[] = {{"type", FieldType::kString, false, 0, 0, "function"},
                                              {"function", FieldType::kObject, false}};
constexpr FieldRule kToolFunctionRules[] = {{"name", FieldType::kString, false},
                                            {"description", FieldType::kString},
                                            {"parameters", FieldType::kObject},
                                            {"strict", FieldType::kBool}};
constexpr FieldRule kResponseFormatRules[] = {
    {"type", FieldType::kString, false, 0, 0, "text|json_object|json_schema"},
    {"json_schema", FieldType::kObject}};
constexpr FieldRule kJsonSchemaRules[] = {{"name", FieldType::kString, false},
                                          {"description", FieldType::kString},
                                          {"schema", FieldType::kObject},
                                          {"strict", FieldType::kBool}};

constexpr size_t kStopMax = 4;
constexpr size_t kToolNameSizeMax = 64;

// One parser a thread: its buffers are reused.
simdjson::error_code ParseBody(absl::string_view body, element& root) {
  thread_local simdjson::dom::parser parser;
  return parser.parse(body.data(), body.size()).get(root);
}

std::optional<int64_t> IntegerField(const object& body, const char* name) {
  int64_t value = 0;
  if (body[name].get(value) == simdjson::SUCCESS) return value;
  double number = 0;
  if (body[name].get(number) == simdjson::SUCCESS && number > -9e15 && number < 9e15) {
    return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

void ReadStop(const object& body, std::vector<std::string>& stop, Mistakes& mistakes) {
  std::string_view single;
  if (body["stop"].get(single) == simdjson::SUCCESS) stop.emplace_back(single);
  array items;
  if (body["stop"].get(items) != simdjson::SUCCESS) return;
  if (items.size() > kStopMax) {
    mistakes.Add(absl::StrCat("body.stop: List should have at most ", kStopMax, " items"));
  }
  for (const element& item : items) {
    std::string_view text;
    if (item.get(text) == simdjson::SUCCESS && !text.empty()) stop.emplace_back(text);
  }
}

void ReadTools(const object& body, ChatRequest& request, Mistakes& mistakes) {
  array items;
  if (body["tools"].get(items) != simdjson::SUCCESS) return;
  size_t index = 0;
  for (const element& item : items) {
    const std::string path = absl::StrCat("body.tools.", index++);
    object tool;
    object function;
    if (item.get(tool) != simdjson::SUCCESS) {
      mistakes.Add(absl::StrCat(path, ": Input should be a valid object"));
      continue;
    }
    CheckFields(tool, kToolDefinitionRules, path, path, mistakes);
    if (tool["function"].get(function) != simdjson::SUCCESS) {
      mistakes.Add(absl::StrCat(path, ".function: Field required"));
      continue;
    }
    const std::string function_path = absl::StrCat(path, ".function");
    CheckFields(function, kToolFunctionRules, function_path, function_path, mistakes);
    ToolDefinition& definition = request.tools.emplace_back();
    definition.name = std::string(StringField(function, "name"));
    const bool named = !definition.name.empty() && definition.name.size() <= kToolNameSizeMax &&
                       definition.name.find_first_not_of(
                           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
                           std::string::npos;
    if (!named) {
      mistakes.Add(absl::StrCat(function_path,
                                ".name: String should be 1 to 64 of A-Z, a-z, 0-9, '_' and '-'"));
    }
    element parameters;
    if (function["parameters"].get(parameters) == simdjson::SUCCESS && parameters.is_object()) {
      definition.parameters = simdjson::minify(parameters);
    }
  }
}

void ReadToolChoice(const object& body, ChatRequest& request, Mistakes& mistakes) {
  if (!request.tools.empty()) request.tool_choice = ToolChoice::kAuto;
  element choice;
  if (body["tool_choice"].get(choice) != simdjson::SUCCESS || choice.is_null()) return;
  if (request.tools.empty()) {
    mistakes.Add("body.tool_choice: tool_choice requires tools");
    return;
  }
  object function_choice;
  if (choice.get(function_choice) == simdjson::SUCCESS) {
    object function;
    if (function_choice["function"].get(function) == simdjson::SUCCESS) {
      request.tool_choice_name = std::string(StringField(function, "name"));
    }
    request.tool_choice = ToolChoice::kFunction;
    for (const ToolDefinition& tool : request.tools) {
      if (tool.name == request.tool_choice_name) return;
    }
    mistakes.Add(absl::StrCat("body.tool_choice.function.name: there is no tool '",
                              request.tool_choice_name, "'"));
    return;
  }
  std::string_view text;
  if (choice.get(text) != simdjson::SUCCESS) return;
  if (text == "none") {
    request.tool_choice = ToolChoice::kNone;
  } else if (text == "required") {
    request.tool_choice = ToolChoice::kRequired;
  } else if (text != "auto") {
    mistakes.Add("body.tool_choice: Input should be 'none', 'auto', 'required'");
  }
}

std::optional<ApiError> ReadResponseFormat(const object& body, ChatRequest& request,
                                           Mistakes& mistakes) {
  object format;
  if (body["response_format"].get(format) != simdjson::SUCCESS) return std::nullopt;
  CheckFields(format, kResponseFormatRules, "body.response_format", "body.response_format",
              mistakes);
  const absl::string_view type = StringField(format, "type");
  if (type == "json_object") request.response_format = ResponseFormat::kJsonObject;
  if (type != "json_schema") return std::nullopt;
  request.response_format = ResponseFormat::kJsonSchema;
  object json_schema;
  if (format["json_schema"].get(json_schema) != simdjson::SUCCESS) {
    mistakes.Add("body.response_format.json_schema: Field required");
    return std::nullopt;
  }
  const absl::string_view path = "body.response_format.json_schema";
  CheckFields(json_schema, kJsonSchemaRules, path, path, mistakes);
  request.response_schema_name = std::string(StringField(json_schema, "name"));
  element schema;
  if (json_schema["schema"].get(schema) != simdjson::SUCCESS) return std::nullopt;
  request.response_schema = simdjson::minify(schema);
  if (!BoolField(json_schema, "strict")) return std::nullopt;
  const std::string mistake = StrictSchemaMistake(schema);
  if (mistake.empty()) return std::nullopt;
  return WrongApiFormat(mistake, "response_format");
}

std::optional<ApiError> ReadRoot(absl::string_view body, object& root) {
  element element;
  const simdjson::error_code error = ParseBody(body, element);
  if (error != simdjson::SUCCESS) {
    return WrongApiFormat(absl::StrCat("body: Invalid JSON: ", simdjson::error_message(error)));
  }
  if (element.get(root) != simdjson::SUCCESS) {
    return WrongApiFormat("body: Input should be a valid object");
  }
  return std::nullopt;
}

void ReadCommon(const object& root, ChatRequest& request, Mistakes& mistakes) {
  element ignored;
  if (root["model"].get(ignored) != simdjson::SUCCESS) mistakes.Add("body.model: Field required");
  request.model = std::string(StringField(root, "model"));
  request.stream = BoolField(root, "stream");
  request.max_completion_tokens = IntegerField(root, "max_completion_tokens");
  if (!request.max_completion_tokens) {
    request.max_completion_tokens = IntegerField(root, "max_tokens");
  }
  request.n = IntegerField(root, "n").value_or(1);
  request.seed = IntegerField(root, "seed");
  double temperature = 0;
  if (root["temperature"].get(temperature) == simdjson::SUCCESS) request.temperature = temperature;
  ReadStop(root, request.stop, mistakes);
  object stream_options;
  if (root["stream_options"].get(stream_options) == simdjson::SUCCESS) {
    CheckFields(stream_options, kStreamOptionRules, "body.stream_options", "body.stream_options",
                mistakes);
  }
}

std::optional<ApiError> Outcome(const Mistakes& mistakes) {
  if (mistakes.empty()) return std::nullopt;
  return WrongApiFormat(absl::StrJoin(mistakes.texts(), "\n"));
}

}  // namespace

std::optional<ApiError> ParseChatRequest(absl::string_view body, ChatRequest& request) {
  object root;
  if (auto error = ReadRoot(body, root)) return error;
  Mistakes mistakes;
  CheckFields(root, kChatRules, "body", "body", mistakes);
  ReadCommon(root, request, mistakes);
  array messages;
  element messages_element;
  if (root["messages"].get(messages_element) != simdjson::SUCCESS) {
    mistakes.Add("body.messages: Field required");
  } else if (messages_element.get(messages) == simdjson::SUCCESS) {
    if (messages.size() == 0) mistakes.Add("body.messages: List should have at least 1 item");
    ReadMessages(messages, request.messages, mistakes);
  }
  request.reasoning_effort = std::string(StringField(root, "reasoning_effort"));
  if (BoolField(root, "disable_reasoning")) request.reasoning_effort = "none";
  request.reasoning_format = std::string(StringField(root, "reasoning_format"));
  request.logprobs = BoolField(root, "logprobs");
  if (IntegerField(root, "top_logprobs") && !request.logprobs) {
    mistakes.Add("body.top_logprobs: logprobs must be true");
  }
  ReadTools(root, request, mistakes);
  ReadToolChoice(root, request, mistakes);
  object prediction;
  if (root["prediction"].get(prediction) == simdjson::SUCCESS &&
      (request.n > 1 || request.logprobs || !request.tools.empty())) {
    mistakes.Add("body.prediction: not supported together with n, logprobs or tools");
  }
  auto schema_error = ReadResponseFormat(root, request, mistakes);
  if (request.stream && request.response_format == ResponseFormat::kJsonObject) {
    mistakes.Add("body.response_format: json_object is not supported with stream");
  }
  if (request.reasoning_format == "raw" && request.response_format != ResponseFormat::kText) {
    mistakes.Add("body.reasoning_format: raw is not supported with this response_format");
  }
  if (auto error = Outcome(mistakes)) return error;
  return schema_error;
}

std::optional<ApiError> ParseTextRequest(absl::string_view body, ChatRequest& request) {
  object root;
  if (auto error = ReadRoot(body, root)) return error;
  Mistakes mistakes;
  CheckFields(root, kTextRules, "body", "body", mistakes);
  ReadCommon(root, request, mistakes);
  request.text_completion = true;
  request.echo = BoolField(root, "echo");
  ChatMessage& message = request.messages.emplace_back();
  message.role = "user";
  element prompt;
  if (root["prompt"].get(prompt) != simdjson::SUCCESS) {
    mistakes.Add("body.prompt: Field required");
  } else if (prompt.is_string()) {
    message.content = std::string(StringField(root, "prompt"));
  } else {
    // Lists of strings or of token numbers: their text is what the reply depends on.
    array items;
    if (prompt.get(items) == simdjson::SUCCESS && items.size() == 1 && items.at(0).is_string()) {
      std::string_view text;
      if (items.at(0).get(text) == simdjson::SUCCESS) message.content = std::string(text);
    } else {
      message.content = simdjson::minify(prompt);
    }
  }
  return Outcome(mistakes);
}

std::optional<ApiError> CheckForModel(const ChatRequest& request, const Model& model) {
  if (model.reasoning == ReasoningStyle::kAlways) {
    if (request.reasoning_effort == "none") {
      return WrongApiFormat(
          absl::StrCat("body.reasoning_effort: 'none' is not supported by ", model.id));
    }
    if (!request.tools.empty() && request.response_format != ResponseFormat::kText) {
      return WrongApiFormat(
          absl::StrCat("body.response_format: not supported together with tools by ", model.id));
    }
  }
  for (size_t i = 0; i < request.messages.size(); ++i) {
    const ChatMessage& message = request.messages[i];
    if (message.role == "developer" && model.reasoning != ReasoningStyle::kAlways) {
      return WrongApiFormat(
          absl::StrCat("body.messages.", i, ".role: 'developer' is not supported by ", model.id));
    }
    if (message.images > 0 && !model.vision) {
      return WrongApiFormat(absl::StrCat("body.messages.", i, ".", message.role,
                                         ".content: ", model.id, " does not accept images"));
    }
  }
  return std::nullopt;
}

}  // namespace moa::simulator
