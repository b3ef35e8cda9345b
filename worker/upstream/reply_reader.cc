#include "worker/upstream/reply_reader.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "worker/upstream/lenient_json.h"

namespace moa::upstream {
namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

// Tool calls are told apart by an index that the provider sends; more than so many are nonsense.
constexpr size_t kToolCallsMax = 256;

// Reads members of JSON objects; knows whether texts need their bytes restored.
struct Texts {
  bool restore = false;

  // Appends the string member to `out`; true when there was one and it was not empty.
  bool Append(const element& value, std::string* out) const {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS || text.empty()) return false;
    if (restore) {
      out->append(RestoreBytes({text.data(), text.size()}));
    } else {
      out->append(text.data(), text.size());
    }
    return true;
  }
  // Sets `out` to the string member; leaves it when that is absent, null or empty, as a later piece
  // of a stream may have it.
  void Assign(const element& value, std::string* out) const {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS || text.empty()) return;
    out->clear();
    Append(value, out);
  }
};

uint64_t CountOf(const element& value) {
  uint64_t count = 0;
  if (value.get(count) == simdjson::SUCCESS) return count;
  double number = 0;  // 12.0, or a negative number
  if (value.get(number) != simdjson::SUCCESS || !(number > 0) || number > 1e15) return 0;
  return static_cast<uint64_t>(number);
}

double SecondsOf(const element& value) {
  double seconds = 0;
  if (value.get(seconds) != simdjson::SUCCESS || seconds < 0) return 0;
  return seconds;
}

void ReadUsage(const element& value, Usage* usage) {
  object members;
  if (value.get(members) != simdjson::SUCCESS) return;
  for (const auto& [key, member] : members) {
    if (key == "prompt_tokens") {
      usage->prompt_tokens = CountOf(member);
    } else if (key == "completion_tokens") {
      usage->completion_tokens = CountOf(member);
    } else if (key == "total_tokens") {
      usage->total_tokens = CountOf(member);
    } else if (key == "image_tokens") {
      usage->image_tokens = CountOf(member);
    } else if (key == "prompt_tokens_details" || key == "completion_tokens_details") {
      object details;
      if (member.get(details) != simdjson::SUCCESS) continue;
      for (const auto& [name, count] : details) {
        if (name == "cached_tokens") usage->cached_tokens = CountOf(count);
        if (name == "reasoning_tokens") usage->reasoning_tokens = CountOf(count);
        if (name == "image_tokens") usage->image_tokens = CountOf(count);
        if (name == "accepted_prediction_tokens") {
          usage->accepted_prediction_tokens = CountOf(count);
        }
        if (name == "rejected_prediction_tokens") {
          usage->rejected_prediction_tokens = CountOf(count);
        }
      }
    }
  }
}

void ReadTimeInfo(const element& value, TimeInfo* time_info) {
  object members;
  if (value.get(members) != simdjson::SUCCESS) return;
  for (const auto& [key, member] : members) {
    if (key == "queue_time") time_info->queue_seconds = SecondsOf(member);
    if (key == "prompt_time") time_info->prompt_seconds = SecondsOf(member);
    if (key == "completion_time") time_info->completion_seconds = SecondsOf(member);
    if (key == "total_time") time_info->total_seconds = SecondsOf(member);
  }
}

void ReadToolCall(const element& value, const Texts& texts, ToolCall* call) {
  element id;
  if (value["id"].get(id) == simdjson::SUCCESS) texts.Assign(id, &call->id);
  object function;
  if (value["function"].get(function) != simdjson::SUCCESS) return;
  for (const auto& [key, member] : function) {
    if (key == "name") texts.Append(member, &call->name);
    if (key == "arguments") texts.Append(member, &call->arguments);
  }
}

// Returns whether there was a tool call. Pieces of one call share an index; without one, a piece
// belongs to the call of the same position in its list.
bool ReadToolCalls(const element& value, const Texts& texts, std::vector<ToolCall>* calls) {
  array list;
  if (value.get(list) != simdjson::SUCCESS) return false;
  size_t position = 0;
  for (const element& item : list) {
    uint64_t index = position++;
    uint64_t given = 0;
    if (item["index"].get(given) == simdjson::SUCCESS) index = given;
    if (index >= kToolCallsMax) continue;
    if (index >= calls->size()) calls->resize(index + 1);
    ReadToolCall(item, texts, &(*calls)[index]);
  }
  return position > 0;
}

// A delta of a stream or the message of a whole reply: the same members.
bool ReadMessage(const element& value, const Texts& texts, Completion* completion) {
  object members;
  if (value.get(members) != simdjson::SUCCESS) return false;
  bool token = false;
  bool reasoning = false;
  std::optional<element> older_name;
  for (const auto& [key, member] : members) {
    if (key == "content") token |= texts.Append(member, &completion->content);
    if (key == "reasoning") reasoning |= texts.Append(member, &completion->reasoning);
    if (key == "reasoning_content") older_name = member;
    if (key == "tool_calls") token |= ReadToolCalls(member, texts, &completion->tool_calls);
  }
  // Some servers send the same text under both names.
  if (!reasoning && older_name) reasoning = texts.Append(*older_name, &completion->reasoning);
  return token || reasoning;
}

// Returns whether the first choice was there.
bool ReadChoices(const element& value, const Texts& texts, Completion* completion, bool* token) {
  array choices;
  if (value.get(choices) != simdjson::SUCCESS) return false;
  for (const element& choice : choices) {
    uint64_t index = 0;
    if (choice["index"].get(index) == simdjson::SUCCESS && index != 0) continue;
    object members;
    if (choice.get(members) != simdjson::SUCCESS) continue;
    for (const auto& [key, member] : members) {
      if (key == "delta" || key == "message") *token |= ReadMessage(member, texts, completion);
      if (key == "finish_reason") texts.Assign(member, &completion->finish_reason);
    }
    return true;
  }
  return false;
}

void ReadErrorMember(absl::string_view key, const element& value, const Texts& texts,
                     ProviderError* error) {
  if (key == "message") texts.Assign(value, &error->message);
  if (key == "type") texts.Assign(value, &error->type);
  if (key == "param") texts.Assign(value, &error->param);
  if (key == "code") {
    int64_t number = 0;
    if (value.get(number) == simdjson::SUCCESS) error->code = absl::StrCat(number);
    texts.Assign(value, &error->code);
  }
  if (key == "status_code") {
    int64_t number = 0;
    if (value.get(number) == simdjson::SUCCESS && number >= 100 && number <= 599) {
      error->status_code = static_cast<int>(number);
    }
  }
}

// An error object, flat or under "error"; false when `members` is neither.
bool ReadErrorObject(const object& members, const Texts& texts, ProviderError* error) {
  element nested;
  if (members["error"].get(nested) == simdjson::SUCCESS && !nested.is_null()) {
    object inner;
    if (nested.get(inner) == simdjson::SUCCESS) {
      for (const auto& [key, value] : inner) {
        ReadErrorMember({key.data(), key.size()}, value, texts, error);
      }
    } else {
      texts.Assign(nested, &error->message);  // {"error": "words"}
    }
    element status;
    if (members["status_code"].get(status) == simdjson::SUCCESS) {
      ReadErrorMember("status_code", status, texts, error);
    }
    return true;
  }
  element ignored;
  if (members["choices"].get(ignored) == simdjson::SUCCESS ||
      members["message"].get(ignored) != simdjson::SUCCESS) {
    return false;
  }
  for (const auto& [key, value] : members) {
    ReadErrorMember({key.data(), key.size()}, value, texts, error);
  }
  return true;
}

void ReadEnvelope(absl::string_view key, const element& value, const Texts& texts,
                  Completion* completion) {
  if (key == "usage") {
    ReadUsage(value, &completion->usage);
  } else if (key == "time_info") {
    ReadTimeInfo(value, &completion->time_info);
  } else if (key == "service_tier_used") {
    texts.Assign(value, &completion->service_tier_used);
  } else if (key == "id") {
    if (completion->response_id.empty()) texts.Assign(value, &completion->response_id);
  } else if (key == "model") {
    if (completion->response_model.empty()) texts.Assign(value, &completion->response_model);
  } else if (key == "system_fingerprint") {
    if (completion->system_fingerprint.empty()) {
      texts.Assign(value, &completion->system_fingerprint);
    }
  }
}

// The words of a page, without its markup.
std::string PlainExcerpt(absl::string_view body) {
  constexpr size_t kExcerptMax = 200;
  std::string text;
  bool in_tag = false;
  for (const char c : body.substr(0, 8192)) {
    if (c == '<') in_tag = true;
    const bool space = in_tag || absl::ascii_isspace(static_cast<unsigned char>(c)) ||
                       absl::ascii_iscntrl(static_cast<unsigned char>(c));
    if (!space) text.push_back(c);
    if (space && !text.empty() && text.back() != ' ') text.push_back(' ');
    if (c == '>') in_tag = false;
    if (text.size() >= kExcerptMax) break;
  }
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

}  // namespace

struct ReplyReader::Parser {
  simdjson::dom::parser dom;
  std::string padded;
  std::string repaired;

  // Parses `json`; `texts` says then how to read its strings.
  absl::Status Parse(absl::string_view json, element* root, Texts* texts) {
    simdjson::error_code code = ParseStrict(json, root);
    if (code == simdjson::UTF8_ERROR || code == simdjson::STRING_ERROR) {
      repaired = MakeParsable(json);
      texts->restore = true;
      code = ParseStrict(repaired, root);
    }
    if (code == simdjson::SUCCESS) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat("not JSON: ", simdjson::error_message(code)));
  }

  simdjson::error_code ParseStrict(absl::string_view json, element* root) {
    // The parser reads a few bytes beyond the end, which must be ours.
    padded.resize(std::max(padded.size(), json.size() + simdjson::SIMDJSON_PADDING));
    std::memcpy(padded.data(), json.data(), json.size());
    std::memset(padded.data() + json.size(), 0, simdjson::SIMDJSON_PADDING);
    return dom.parse(padded.data(), json.size(), false).get(*root);
  }
};

ReplyReader::ReplyReader() : parser_(std::make_unique<Parser>()) {}
ReplyReader::~ReplyReader() = default;

absl::Status ReplyReader::AddEvent(const SseParser::Event& event, StreamedReply* reply) {
  if (reply->done || reply->error) return absl::OkStatus();
  if (event.data == "[DONE]") {
    reply->done = true;
    return absl::OkStatus();
  }
  const bool is_error = event.type == "error";
  if (event.data.empty() && !is_error) return absl::OkStatus();
  Texts texts;
  element root;
  object members;
  if (absl::Status status = parser_->Parse(event.data, &root, &texts); !status.ok()) {
    if (!is_error) return status;
    reply->error.emplace().message = PlainExcerpt(event.data);
    return absl::OkStatus();
  }
  if (root.get(members) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("a piece of the stream is not a JSON object");
  }
  bool known = false;
  bool has_error = is_error;
  for (const auto& [key, value] : members) {
    if (key == "choices") {
      known = true;
      bool token = false;
      ReadChoices(value, texts, &reply->completion, &token);
      reply->chunks += token ? 1 : 0;
    } else if (key == "error") {
      has_error |= !value.is_null();
    } else {
      known |= key == "usage";
      ReadEnvelope({key.data(), key.size()}, value, texts, &reply->completion);
    }
  }
  if (known && !has_error) return absl::OkStatus();
  ProviderError error;
  if (ReadErrorObject(members, texts, &error) || is_error) reply->error = std::move(error);
  return absl::OkStatus();  // a JSON object of another kind is a message of a future version
}

absl::Status ReplyReader::ReadWhole(absl::string_view body, Completion* completion,
                                    std::optional<ProviderError>* error) {
  Texts texts;
  element root;
  object members;
  if (absl::Status status = parser_->Parse(body, &root, &texts); !status.ok()) return status;
  if (root.get(members) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("the reply is not a JSON object");
  }
  bool choice = false;
  bool token = false;
  for (const auto& [key, value] : members) {
    if (key == "choices") {
      choice = ReadChoices(value, texts, completion, &token);
    } else {
      ReadEnvelope({key.data(), key.size()}, value, texts, completion);
    }
  }
  if (choice) return absl::OkStatus();
  ProviderError found;
  if (!ReadErrorObject(members, texts, &found)) {
    return absl::InvalidArgumentError("the reply has no choices");
  }
  *error = std::move(found);
  return absl::OkStatus();
}

absl::Status ReplyReader::ReadModels(absl::string_view body, std::vector<std::string>* models) {
  Texts texts;
  element root;
  array list;
  if (absl::Status status = parser_->Parse(body, &root, &texts); !status.ok()) return status;
  if (root["data"].get(list) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("the list of models has no data");
  }
  models->clear();
  for (const element& item : list) {
    element id;
    std::string name;
    if (item["id"].get(id) == simdjson::SUCCESS && texts.Append(id, &name)) {
      models->push_back(std::move(name));
    }
  }
  std::sort(models->begin(), models->end());
  return absl::OkStatus();
}

ProviderError ReplyReader::ReadError(absl::string_view body) {
  ProviderError error;
  Texts texts;
  element root;
  object members;
  if (parser_->Parse(body, &root, &texts).ok() && root.get(members) == simdjson::SUCCESS &&
      ReadErrorObject(members, texts, &error)) {
    return error;
  }
  error.message = PlainExcerpt(body);
  return error;
}

}  // namespace moa::upstream
