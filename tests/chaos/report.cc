#include "tests/chaos/report.h"

#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace moa::chaos {
namespace {

struct Row {
  int64_t count = 0;
  int64_t missed = 0;      // waited for longer than the target, and not back
  int64_t unmeasured = 0;  // not waited for so long
  double median_s = 0;
  double worst_s = 0;
  RepeatedCalls calls;
};

std::map<std::string, Row> RowsOf(const Outcome& outcome) {
  std::map<std::string, Row> rows;
  for (const Recovery& recovery : outcome.rates.recoveries) {
    Row& row = rows[recovery.kind];
    ++row.count;
    if (recovery.took_s.has_value()) {
      row.missed += *recovery.took_s > outcome.target_s ? 1 : 0;
    } else {
      ++(recovery.observed_s > outcome.target_s ? row.missed : row.unmeasured);
    }
  }
  for (const auto& [kind, rates] : outcome.rates.kinds) {
    rows[kind].median_s = rates.median_s;
    rows[kind].worst_s = rates.worst_s;
  }
  for (const auto& [kind, calls] : outcome.audit.by_fault) {
    rows[kind.empty() ? "(before any)" : kind].calls = calls;
  }
  return rows;
}

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void Text(Writer& writer, const std::string& text) {
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void Member(Writer& writer, const char* name, const std::string& text) {
  writer.Key(name);
  Text(writer, text);
}

void Member(Writer& writer, const char* name, double number) {
  writer.Key(name);
  writer.Double(number);
}

void Member(Writer& writer, const char* name, int64_t number) {
  writer.Key(name);
  writer.Int64(number);
}

void WriteFindings(const Outcome& outcome, Writer& writer) {
  writer.Key("findings");
  writer.StartObject();
  for (const auto& [rule, count] : outcome.audit.counts) Member(writer, rule.c_str(), count);
  writer.EndObject();
  writer.Key("examples");
  writer.StartArray();
  for (const Finding& finding : outcome.audit.findings) {
    writer.StartObject();
    Member(writer, "rule", finding.rule);
    Member(writer, "job", finding.job);
    Member(writer, "what", finding.what);
    writer.EndObject();
  }
  writer.EndArray();
  writer.Key("checked");
  writer.StartObject();
  Member(writer, "answers", outcome.audit.answers_checked);
  Member(writer, "events", outcome.audit.events_watched);
  Member(writer, "watch_connections", outcome.audit.watch_connections);
  Member(writer, "calls", outcome.audit.calls);
  writer.EndObject();
  Member(writer, "failed_rightly", outcome.audit.failed_rightly);
  Member(writer, "repeated_calls", outcome.audit.repeated);
  Member(writer, "calls_exposed", outcome.audit.exposed);
}

void WriteFaults(const Outcome& outcome, Writer& writer) {
  Member(writer, "target_s", outcome.target_s);
  writer.Key("faults");
  writer.StartObject();
  for (const auto& [kind, row] : RowsOf(outcome)) {
    writer.Key(kind.c_str());
    writer.StartObject();
    Member(writer, "count", row.count);
    Member(writer, "median_s", row.median_s);
    Member(writer, "worst_s", row.worst_s);
    Member(writer, "missed", row.missed);
    Member(writer, "unmeasured", row.unmeasured);
    Member(writer, "repeated_calls", row.calls.repeated);
    Member(writer, "calls_exposed", row.calls.exposed);
    writer.EndObject();
  }
  writer.EndObject();
  writer.Key("recoveries");
  writer.StartArray();
  for (const Recovery& recovery : outcome.rates.recoveries) {
    writer.StartObject();
    Member(writer, "kind", recovery.kind);
    Member(writer, "detail", recovery.detail);
    Member(writer, "at_s", recovery.at_s);
    Member(writer, "rate_before", recovery.rate_before);
    writer.Key("took_s");
    recovery.took_s.has_value() ? writer.Double(*recovery.took_s) : writer.Null();
    writer.EndObject();
  }
  writer.EndArray();
}

}  // namespace

std::string TextReport(const Outcome& outcome) {
  const Audit& audit = outcome.audit;
  std::string text = absl::StrFormat(
      "%s\n%d jobs in %.0f s, %.1f a second (median over 2 s); of the machine's CPU this took %.0f "
      "%%, all together %.0f %%\n\n",
      outcome.conditions, audit.jobs, outcome.seconds, outcome.rates.median,
      outcome.own_cpu_share * 100, outcome.cpu_share * 100);
  absl::StrAppendFormat(&text, "%-20s %5s %9s %8s %6s %10s %9s %8s\n", "fault", "times", "median s",
                        "worst s", "missed", "unmeasured", "repeated", "exposed");
  for (const auto& [kind, row] : RowsOf(outcome)) {
    absl::StrAppendFormat(&text, "%-20s %5d %9.2f %8.2f %6d %10d %9d %8d\n", kind, row.count,
                          row.median_s, row.worst_s, row.missed, row.unmeasured, row.calls.repeated,
                          row.calls.exposed);
  }
  absl::StrAppendFormat(
      &text,
      "(seconds until the rate over 2 s is again 98 %% of what it was, target %.1f; calls beyond "
      "one a task,\nand those under way when a fault struck or was undone)\n\n",
      outcome.target_s);
  for (const Recovery& recovery : outcome.rates.recoveries) {
    if (recovery.took_s.value_or(recovery.observed_s) <= outcome.target_s) continue;
    absl::StrAppendFormat(&text, "slow: %s, %s: %s after %.1f s\n", recovery.kind, recovery.detail,
                          recovery.took_s.has_value() ? "back" : "not back",
                          recovery.took_s.value_or(recovery.observed_s));
  }
  for (const auto& [kind, why] : outcome.left_out) {
    absl::StrAppend(&text, "left out: ", kind, ": ", why, "\n");
  }
  for (const auto& [who, times] : outcome.unasked_ends) {
    absl::StrAppend(&text, "ended by itself: ", who, ": ", times, " times\n");
  }
  for (const std::string& who : outcome.stubborn) {
    absl::StrAppend(&text, "did not end on SIGTERM: ", who, "\n");
  }
  absl::StrAppendFormat(
      &text,
      "checked: %d answers, %d events on %d watches, %d calls; %d calls repeated, %d were exposed; "
      "%d jobs failed rightly\n",
      audit.answers_checked, audit.events_watched, audit.watch_connections, audit.calls,
      audit.repeated, audit.exposed, audit.failed_rightly);
  for (const auto& [rule, count] : audit.counts) {
    absl::StrAppendFormat(&text, "  %-14s %d\n", rule, count);
  }
  for (const Finding& finding : audit.findings) {
    absl::StrAppend(&text, "VIOLATED ", finding.rule, ", ", finding.job, ": ", finding.what, "\n");
  }
  if (!outcome.kept.empty()) absl::StrAppend(&text, "logs are kept in ", outcome.kept, "\n");
  absl::StrAppend(&text, outcome.ok() ? "clean\n" : "NOT CLEAN\n");
  return text;
}

std::string JsonReport(const Outcome& outcome) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.StartObject();
  Member(writer, "conditions", outcome.conditions);
  writer.Key("ok");
  writer.Bool(outcome.ok());
  Member(writer, "jobs", outcome.audit.jobs);
  Member(writer, "seconds", outcome.seconds);
  Member(writer, "jobs_per_second", outcome.rates.median);
  Member(writer, "cpu_share", outcome.cpu_share);
  Member(writer, "own_cpu_share", outcome.own_cpu_share);
  WriteFindings(outcome, writer);
  WriteFaults(outcome, writer);
  writer.Key("unasked_ends");
  writer.StartObject();
  for (const auto& [who, times] : outcome.unasked_ends) Member(writer, who.c_str(), times);
  writer.EndObject();
  writer.Key("left_out");
  writer.StartObject();
  for (const auto& [kind, why] : outcome.left_out) Member(writer, kind.c_str(), why);
  writer.EndObject();
  writer.Key("ended_per_250_ms");
  writer.StartArray();
  for (const int64_t ended : outcome.rates.steps) writer.Int64(ended);
  writer.EndArray();
  writer.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace moa::chaos
