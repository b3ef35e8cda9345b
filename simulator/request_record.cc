#include "simulator/request_record.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "simulator/digest.h"
#include "simulator/model_table.h"

namespace moa::simulator {
namespace {

double UnixNow() { return absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()); }

void AppendStrings(std::string& out, const std::vector<std::string>& texts) {
  out += '[';
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonString(out, texts[i]);
  }
  out += ']';
}

void AppendRecord(std::string& out, const RequestRecord& record, bool with_body) {
  absl::StrAppend(&out, "{\"sequence\":", record.sequence, ",\"id\":");
  AppendJsonString(out, record.id);
  out += ",\"path\":";
  AppendJsonString(out, record.path);
  out += ",\"model\":";
  AppendJsonString(out, record.model);
  absl::StrAppend(&out, ",\"digest\":\"", record.digest, "\",\"saw\":");
  AppendStrings(out, record.saw);
  out += ",\"faults\":";
  AppendStrings(out, record.faults);
  absl::StrAppendFormat(&out, ",\"stream\":%s,\"started\":%.6f,\"ended\":%.6f",
                        record.stream ? "true" : "false", record.started, record.ended);
  absl::StrAppend(&out, ",\"started_ns\":", record.started_ns, ",\"ended_ns\":", record.ended_ns,
                  ",\"mark\":\"", record.mark, "\",\"generated_tokens\":", record.generated_tokens);
  absl::StrAppend(&out, ",\"status\":", record.status, ",\"outcome\":\"", record.outcome,
                  "\",\"prompt_tokens\":", record.prompt_tokens,
                  ",\"cached_tokens\":", record.cached_tokens,
                  ",\"completion_tokens\":", record.completion_tokens);
  out += ",\"traceparent\":";
  AppendJsonString(out, record.traceparent);
  if (with_body) {
    absl::StrAppend(&out, ",\"request\":", record.body.empty() ? "null" : record.body);
  }
  out += '}';
}

template <typename Map, typename Key>
std::string CountsJson(const Map& counts, const Key& key) {
  std::string out = "{";
  for (const auto& [name, count] : counts) {
    if (out.size() > 1) out += ',';
    AppendJsonString(out, key(name));
    absl::StrAppend(&out, ":", count);
  }
  return out + "}";
}

}  // namespace

absl::string_view FindMark(absl::string_view prompt) {
  constexpr absl::string_view kOpening = "[mark ";
  constexpr size_t kMarkMax = 64;
  const size_t at = prompt.find(kOpening);
  if (at == absl::string_view::npos) return "";
  const absl::string_view rest = prompt.substr(at + kOpening.size(), kMarkMax + 1);
  size_t size = 0;
  while (size < rest.size() && (absl::ascii_isalnum(static_cast<unsigned char>(rest[size])) ||
                                absl::StrContains("._-", rest.substr(size, 1)))) {
    ++size;
  }
  return size < rest.size() && rest[size] == ']' ? rest.substr(0, size) : "";
}

int64_t MonotonicNanoseconds() {
  return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

uint64_t RequestLog::Begin(RequestRecord record) {
  record.started = UnixNow();
  record.started_ns = MonotonicNanoseconds();
  const MutexLock lock(mutex_);
  record.sequence = ++last_sequence_;
  if (journal_ != nullptr) journal_->Began(record);
  ++requests_total_;
  running_max_ = std::max(running_max_, ++running_);
  prompt_tokens_ += record.prompt_tokens;
  completion_tokens_ += record.completion_tokens;
  // Only ids of the table become keys: a client can name any number of models that do not exist.
  const bool known = FindModel(record.model) != nullptr;
  ++by_model_[known ? record.model : "unknown"];
  if (records_max_ > 0) {
    bytes_ += record.body.size();
    records_.push_back(std::move(record));
    while (records_.size() > records_max_ || (bytes_ > kBytesMax && records_.size() > 1)) {
      DropOldest();
    }
  }
  return last_sequence_;
}

void RequestLog::DropOldest() {
  bytes_ -= records_.front().body.size();
  records_.pop_front();
}

void RequestLog::End(uint64_t sequence, int status, absl::string_view outcome,
                     int64_t generated_tokens) {
  const MutexLock lock(mutex_);
  --running_;
  ++by_outcome_[std::string(outcome)];
  ++by_status_[status];
  if (journal_ != nullptr) journal_->Ended(sequence, status, outcome);
  if (records_.empty() || sequence < records_.front().sequence) return;
  RequestRecord& record = records_[sequence - records_.front().sequence];
  record.status = status;
  record.outcome = std::string(outcome);
  record.ended = UnixNow();
  record.ended_ns = MonotonicNanoseconds();
  record.generated_tokens = generated_tokens;
}

std::string RequestLog::RequestsJson(const Filter& filter) {
  std::string out = "{\"requests\":[";
  const MutexLock lock(mutex_);
  std::vector<const RequestRecord*> chosen;
  for (auto record = records_.rbegin(); record != records_.rend(); ++record) {
    if (record->sequence <= filter.after || chosen.size() >= filter.limit) break;
    if (record->sequence > filter.until) continue;
    if (!filter.model.empty() && record->model != filter.model) continue;
    if (filter.mark.empty() || record->mark == filter.mark) chosen.push_back(&*record);
  }
  for (auto record = chosen.rbegin(); record != chosen.rend(); ++record) {
    if (out.back() != '[') out += ',';
    AppendRecord(out, **record, filter.bodies);
  }
  return out + "]}";
}

std::string RequestLog::StatsJson() {
  const MutexLock lock(mutex_);
  const auto text = [](const std::string& name) { return absl::string_view(name); };
  const auto number = [](int value) { return std::to_string(value); };
  return absl::StrCat("{\"requests_total\":", requests_total_, ",\"running\":", running_,
                      ",\"running_max\":", running_max_, ",\"prompt_tokens\":", prompt_tokens_,
                      ",\"completion_tokens\":", completion_tokens_,
                      ",\"by_outcome\":", CountsJson(by_outcome_, text),
                      ",\"by_status\":", CountsJson(by_status_, number),
                      ",\"by_model\":", CountsJson(by_model_, text), "}");
}

void RequestLog::Clear() {
  {
    const MutexLock lock(mutex_);
    records_.clear();
    bytes_ = 0;
  }
  ClearTotals();
}

void RequestLog::ClearTotals() {
  const MutexLock lock(mutex_);
  requests_total_ = prompt_tokens_ = completion_tokens_ = 0;
  running_max_ = running_;
  by_outcome_.clear();
  by_status_.clear();
  by_model_.clear();
}

}  // namespace moa::simulator
