#include "client/tuner/history.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/json/object_writer.h"
#include "common/document/field.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

constexpr uint64_t kFormat = 1;

template <typename T>
void WriteSpent(const T& of, ObjectWriter& out) {
  out.Count("tokens", of.tokens);
  out.Number("cost_usd", of.cost_usd);
  if (!of.job_id.empty()) out.Text("job_id", of.job_id);
}

// Kept as numbers are: 0 or more, finite.
double Amount(const Field& field) {
  const std::optional<double> value = field.Number();
  if (value && *value < 0) field.Report("must not be negative");
  return value.value_or(0);
}

template <typename T>
void ReadSpent(Mapping& object, T& of) {
  of.tokens = object.Required("tokens").Unsigned().value_or(0);
  of.cost_usd = Amount(object.Required("cost_usd"));
  of.job_id = object["job_id"].String().value_or("");
}

StudyHeader ReadHeader(Mapping& object) {
  StudyHeader header;
  const std::optional<uint64_t> format = object.Required("format").Unsigned();
  if (format && *format != kFormat) {
    object["format"].Report(absl::StrCat("is ", *format, "; this program reads ", kFormat));
  }
  header.id = object.Required("id").String().value_or("");
  for (const Field& option : object.Required("options").Entries()) {
    header.options[option.node().key] = option.String().value_or("");
  }
  const Field origin = object["origin"];
  if (origin.present()) header.origin = ToJson(origin.node());
  object.ReportUnknown();
  return header;
}

TrialResult ReadResult(Mapping& object) {
  TrialResult result;
  result.trial = object.Required("trial").Unsigned(1).value_or(0);
  if (object["failure"].present()) {
    result.failure = object["failure"].String().value_or("");
    if (result.failure.empty()) object["failure"].Report("must not be empty");
  } else {
    result.score = Amount(object.Required("score"));
    result.max = Amount(object.Required("max"));
    if (result.max <= 0) object["max"].Report("must be above 0");
    if (result.score > result.max) object["score"].Report("must not be above max");
    for (const Field& item : object["checks"].Items()) {
      Mapping check(item);
      CheckScore& read = result.checks.emplace_back();
      read.id = check.Required("id").String().value_or("");
      read.score = Amount(check.Required("score"));
      read.max = Amount(check.Required("max"));
      read.detail = check["detail"].String().value_or("");
      check.ReportUnknown();
    }
  }
  ReadSpent(object, result);
  result.latency_ms = Amount(object.Required("latency_ms"));
  object.ReportUnknown();
  return result;
}

ReflectionReply ReadReply(Mapping& object) {
  ReflectionReply reply;
  reply.number = object.Required("reflection").Unsigned(1).value_or(0);
  reply.failure = object["failure"].String().value_or("");
  reply.text = object["text"].String().value_or("");
  ReadSpent(object, reply);
  object.ReportUnknown();
  return reply;
}

}  // namespace

absl::string_view PurposeName(Purpose purpose) {
  switch (purpose) {
    case Purpose::kNew:
      return "new";
    case Purpose::kRepeat:
      return "repeat";
    case Purpose::kConfirm:
      return "confirm";
    case Purpose::kAblate:
      return "ablate";
  }
  return "";
}

std::string StudyLine(const std::string& id,
                      const std::vector<std::pair<std::string, std::string>>& options,
                      const std::string& origin) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "study");
  out.Count("format", kFormat);
  out.Text("id", id);
  out.BeginObject("options");
  for (const auto& [name, value] : options) out.Text(name.c_str(), value);
  out.EndObject();
  if (!origin.empty()) out.Raw("origin", origin);
  out.EndObject();
  return out.Take();
}

std::string BatchLine(uint64_t number, const std::vector<Trial>& trials,
                      const NewConfigs& configs) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "batch");
  out.Count("batch", number);
  out.BeginArray("trials");
  for (const Trial& trial : trials) {
    out.BeginObject();
    out.Count("trial", trial.number);
    out.Text("config", trial.config);
    out.Count("seed", trial.seed);
    out.Text("why", PurposeName(trial.purpose));
    out.EndObject();
  }
  out.EndArray();
  out.BeginObject("configs");
  for (const auto& [key, values] : configs) {
    out.BeginObject(key.c_str());
    for (const auto& [name, value] : values) out.Text(name.c_str(), value);
    out.EndObject();
  }
  out.EndObject();
  out.EndObject();
  return out.Take();
}

std::string ReflectionLine(const ReflectionRequest& request) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "reflection");
  out.Count("reflection", request.number);
  out.Text("parent", request.parent);
  out.Text("user", request.user);
  out.EndObject();
  return out.Take();
}

std::string EditsLine(uint64_t number, const std::vector<std::pair<std::string, size_t>>& added,
                      const std::vector<std::string>& dropped, absl::string_view problem) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "edits");
  out.Count("reflection", number);
  out.BeginArray("added");
  for (const auto& [agent, prompt] : added) {
    out.BeginObject();
    out.Text("agent", agent);
    out.Count("prompt", prompt);
    out.EndObject();
  }
  out.EndArray();
  out.BeginArray("dropped");
  for (const std::string& why : dropped) out.Text(nullptr, why);
  out.EndArray();
  if (!problem.empty()) out.Text("unusable", problem);
  out.EndObject();
  return out.Take();
}

std::string AblationLine(uint32_t round, const std::vector<AblatedAgent>& agents,
                         absl::string_view best) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "ablation");
  out.Count("round", round);
  out.BeginArray("agents");
  for (const AblatedAgent& agent : agents) {
    out.BeginObject();
    out.Text("agent", agent.agent);
    out.Number("with", agent.with);
    out.Number("without", agent.without);
    out.Number("error", agent.error);
    out.Flag("dropped", agent.dropped);
    out.EndObject();
  }
  out.EndArray();
  out.Text("best", best);
  out.EndObject();
  return out.Take();
}

std::string EndLine(absl::string_view reason, absl::string_view best) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "end");
  out.Text("reason", reason);
  out.Text("best", best);
  out.EndObject();
  return out.Take();
}

std::string ResultLine(const TrialResult& result) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "result");
  out.Count("trial", result.trial);
  if (!result.failure.empty()) {
    out.Text("failure", result.failure);
  } else {
    out.Number("score", result.score);
    out.Number("max", result.max);
    out.BeginArray("checks");
    for (const CheckScore& check : result.checks) {
      out.BeginObject();
      out.Text("id", check.id);
      out.Number("score", check.score);
      out.Number("max", check.max);
      if (!check.detail.empty()) out.Text("detail", check.detail);
      out.EndObject();
    }
    out.EndArray();
  }
  WriteSpent(result, out);
  out.Number("latency_ms", result.latency_ms);
  out.EndObject();
  return out.Take();
}

std::string ReplyLine(const ReflectionReply& reply) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("type", "reply");
  out.Count("reflection", reply.number);
  if (!reply.failure.empty()) out.Text("failure", reply.failure);
  out.Text("text", reply.text);
  WriteSpent(reply, out);
  out.EndObject();
  return out.Take();
}

absl::StatusOr<HistoryLine> ReadHistoryLine(absl::string_view line) {
  Problems problems;
  const std::optional<Document> document = ReadJson(line, "line", problems);
  HistoryLine read = DecisionLine{};
  if (document) {
    Mapping object(Field::Root(*document, problems));
    const std::string type = object.Required("type").String().value_or("");
    if (type == "study") {
      read = ReadHeader(object);
    } else if (type == "result") {
      read = ReadResult(object);
    } else if (type == "reply") {
      read = ReadReply(object);
    }
  }
  if (problems.empty()) return read;
  // The first will do: nobody writes these lines by hand.
  const Problem& problem = problems.shown().front();
  return absl::InvalidArgumentError(
      problem.path.empty() ? problem.message : absl::StrCat(problem.path, ": ", problem.message));
}

}  // namespace moa
