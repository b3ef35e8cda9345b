// The half of Simulator that tests steer and look at: everything under /sim/.

#include <simdjson.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "simulator/field_rules.h"
#include "simulator/simulator.h"

namespace moa::simulator {
namespace {

constexpr int64_t kRequestsPerMinuteMax = 1'000'000'000;
constexpr int64_t kTokensPerMinuteMax = 1'000'000'000'000;

HttpResponse Ok(std::string json) { return HttpResponse(200, "application/json", std::move(json)); }

HttpResponse Refused(std::string why) {
  return WrongApiFormat(std::move(why), "body").ToResponse();
}

// The object in `body`; valid until the next call on this thread.
absl::StatusOr<simdjson::dom::object> ReadObject(absl::string_view body) {
  thread_local simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("body: a JSON object is expected");
  }
  return root;
}

absl::StatusOr<int64_t> ReadLimit(const simdjson::dom::key_value_pair& field, int64_t max) {
  int64_t value = 0;
  if (field.value.get(value) != simdjson::SUCCESS || value < 0 || value > max) {
    return absl::InvalidArgumentError(absl::StrCat(
        "body.", View(field.key), ": a whole number from 0 (the tier's) to ", max, " is expected"));
  }
  return value;
}

absl::StatusOr<RateLimits::Change> ReadChange(absl::string_view body) {
  absl::StatusOr<simdjson::dom::object> root = ReadObject(body);
  if (!root.ok()) return root.status();
  RateLimits::Change change;
  for (const simdjson::dom::key_value_pair field : *root) {
    const bool requests = field.key == "requests_per_minute";
    if (requests || field.key == "tokens_per_minute") {
      absl::StatusOr<int64_t> limit =
          ReadLimit(field, requests ? kRequestsPerMinuteMax : kTokensPerMinuteMax);
      if (!limit.ok()) return limit.status();
      (requests ? change.requests_per_minute : change.tokens_per_minute) = *limit;
    } else if (field.key == "model") {
      std::string_view id;
      if (field.value.get(id) == simdjson::SUCCESS) change.model = FindModel(View(id));
      if (change.model == nullptr) {
        return absl::InvalidArgumentError("body.model: the id of a model is expected");
      }
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("body.", View(field.key),
                       ": there is no such field; choose requests_per_minute, tokens_per_minute or "
                       "model"));
    }
  }
  if (!change.requests_per_minute && !change.tokens_per_minute) {
    return absl::InvalidArgumentError(
        "body: requests_per_minute, tokens_per_minute or both are expected");
  }
  return change;
}

// The specs in {"faults":[…]}.
absl::StatusOr<std::vector<std::string>> ReadFaults(absl::string_view body) {
  absl::StatusOr<simdjson::dom::object> root = ReadObject(body);
  if (!root.ok()) return root.status();
  simdjson::dom::array items;
  if (root->size() != 1 || (*root)["faults"].get(items) != simdjson::SUCCESS) {
    return absl::InvalidArgumentError("body: {\"faults\":[\"SPEC\",…]} is expected");
  }
  std::vector<std::string> specs;
  for (const simdjson::dom::element item : items) {
    std::string_view spec;
    if (item.get(spec) != simdjson::SUCCESS) {
      return absl::InvalidArgumentError(
          absl::StrCat("body.faults.", specs.size(), ": a string is expected"));
    }
    specs.emplace_back(spec);
  }
  return specs;
}

absl::StatusOr<std::vector<FaultSpec>> ParseFaults(const std::vector<std::string>& texts) {
  std::vector<FaultSpec> specs;
  for (const std::string& text : texts) {
    absl::StatusOr<FaultSpec> spec = ParseFault(text);
    if (!spec.ok()) return spec.status();
    specs.push_back(*std::move(spec));
  }
  return specs;
}

}  // namespace

HttpResponse Simulator::Inspect(const HttpRequest& http) {
  const bool get = http.method == "GET";
  const bool post = http.method == "POST";
  if (http.path == "/sim/faults") return InspectFaults(http);
  if (http.path == "/sim/limits") return InspectLimits(http);
  if (get && http.path == "/sim/stats") return Ok(StatsJson());
  if (get && http.path == "/sim/requests") {
    RequestLog::Filter filter;
    if (!absl::SimpleAtoi(http.QueryValue("after"), &filter.after)) filter.after = 0;
    uint64_t until = 0;
    if (absl::SimpleAtoi(http.QueryValue("until"), &until)) filter.until = until;
    uint64_t limit = 0;
    if (absl::SimpleAtoi(http.QueryValue("limit"), &limit)) filter.limit = limit;
    filter.model = http.QueryValue("model");
    filter.mark = http.QueryValue("mark");
    filter.bodies = http.QueryValue("bodies") != "0";
    return Ok(log_.RequestsJson(filter));
  }
  if (post && http.path == "/sim/stats/reset") {
    log_.ClearTotals();
    statistics_.Reset(MonotonicNanoseconds());
    return Ok("{}");
  }
  if (post && http.path == "/sim/reset") {
    log_.Clear();
    statistics_.Reset(MonotonicNanoseconds());
    return Ok("{}");
  }
  return PathNotFound(http.path).ToResponse();
}

std::string Simulator::StatsJson() {
  std::string out = log_.StatsJson();
  out.pop_back();
  const HttpServer* server = server_.load();
  absl::StrAppend(&out, ",\"connections\":", server == nullptr ? 0 : server->stats().connections,
                  ",", statistics_.Json(MonotonicNanoseconds()), "}");
  return out;
}

HttpResponse Simulator::InspectFaults(const HttpRequest& http) {
  absl::StatusOr<std::vector<std::string>> texts = std::vector<std::string>();
  if (http.method == "GET") return Ok(faults_.Json());
  if (http.method == "POST") {
    texts = ReadFaults(http.body);
  } else if (http.method == "PUT") {
    for (const absl::string_view line : absl::StrSplit(http.body, '\n', absl::SkipWhitespace())) {
      texts->emplace_back(absl::StripAsciiWhitespace(line));
    }
  } else if (http.method != "DELETE") {
    return ErrorForStatus(405).ToResponse();
  }
  if (!texts.ok()) return Refused(std::string(texts.status().message()));
  absl::StatusOr<std::vector<FaultSpec>> specs = ParseFaults(*texts);
  if (!specs.ok()) return Refused(std::string(specs.status().message()));
  const absl::Status status = faults_.Replace(*std::move(specs), absl::Now());
  if (!status.ok()) return Refused(std::string(status.message()));
  return Ok(faults_.Json());
}

HttpResponse Simulator::InspectLimits(const HttpRequest& http) {
  if (http.method == "POST") {
    const absl::StatusOr<RateLimits::Change> change = ReadChange(http.body);
    if (!change.ok()) return Refused(std::string(change.status().message()));
    limits_.SetLimits(*change, absl::Now());
  } else if (http.method != "GET") {
    return ErrorForStatus(405).ToResponse();
  }
  return Ok(limits_.LimitsJson());
}

}  // namespace moa::simulator
