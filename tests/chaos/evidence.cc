#include "tests/chaos/evidence.h"

#include <libpq-fe.h>
#include <simdjson.h>
#include <sqlite3.h>

#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "coordinator/store/sqlite/schema.h"
#include "simulator/journal.h"
#include "tests/chaos/chaos_job.h"
#include "tests/cluster/job_view.h"

namespace moa::chaos {
namespace {

std::string Text(const simdjson::dom::element& object, const char* name) {
  return std::string(std::string_view(object[name]));
}

template <typename T, auto kFree>
struct Freed {
  void operator()(T* object) const { kFree(object); }
};
using Sqlite = std::unique_ptr<sqlite3, Freed<sqlite3, sqlite3_close>>;
using SqliteStatement = std::unique_ptr<sqlite3_stmt, Freed<sqlite3_stmt, sqlite3_finalize>>;
using Postgres = std::unique_ptr<PGconn, Freed<PGconn, PQfinish>>;
using PostgresResult = std::unique_ptr<PGresult, Freed<PGresult, PQclear>>;

std::string BytesOf(sqlite3_stmt* row, int column) {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(row, column));
  return bytes == nullptr
             ? ""
             : std::string(bytes, static_cast<size_t>(sqlite3_column_bytes(row, column)));
}

// Calls `on_row` for each row of `sql`.
template <typename OnRow>
void Query(sqlite3* database, const char* sql, const OnRow& on_row) {
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(database, sql, -1, &prepared, nullptr) != SQLITE_OK) {
    throw std::runtime_error(sqlite3_errmsg(database));
  }
  const SqliteStatement statement(prepared);
  int status = SQLITE_OK;
  while ((status = sqlite3_step(prepared)) == SQLITE_ROW) on_row(prepared);
  if (status != SQLITE_DONE) throw std::runtime_error(sqlite3_errmsg(database));
}

// The same row by row, so that events of many jobs need not be in memory at once. Columns come in text form.
template <typename OnRow>
void Query(PGconn* database, const char* sql, const OnRow& on_row) {
  if (PQsendQuery(database, sql) != 1 || PQsetSingleRowMode(database) != 1) {
    throw std::runtime_error(PQerrorMessage(database));
  }
  bool failed = false;
  for (PostgresResult rows(PQgetResult(database)); rows != nullptr;
       rows.reset(PQgetResult(database))) {
    const ExecStatusType status = PQresultStatus(rows.get());
    failed = failed || (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK);
    if (status == PGRES_SINGLE_TUPLE) on_row(rows.get());
  }
  if (failed) throw std::runtime_error(PQerrorMessage(database));
}

int64_t NumberIn(PGresult* row, int column) {
  int64_t number = 0;
  if (!absl::SimpleAtoi(PQgetvalue(row, 0, column), &number)) {
    throw std::runtime_error("the store's tables hold no number where one is expected");
  }
  return number;
}

std::string BytesIn(PGresult* row, int column) {
  size_t size = 0;
  const std::unique_ptr<unsigned char, Freed<void, PQfreemem>> bytes(
      PQunescapeBytea(reinterpret_cast<const unsigned char*>(PQgetvalue(row, 0, column)), &size));
  return std::string(reinterpret_cast<const char*>(bytes.get()), size);
}

template <typename Key>
std::vector<StoredHistory> Values(std::map<Key, StoredHistory> jobs) {
  std::vector<StoredHistory> all;
  for (auto& [number, job] : jobs) all.push_back(std::move(job));
  return all;
}

std::string HashOf(const std::string& content) { return simulator::AnswerHash(content); }

}  // namespace

void AddStoredEvent(uint64_t sequence, const std::string& payload, StoredHistory& job) {
  job.sequences.push_back(sequence);
  job.end_is_last = false;
  v1::JobEvent event;
  if (!event.ParseFromString(payload) || event.sequence() != sequence) {
    ++job.unread;
    return;
  }
  if (event.has_ended()) {
    ++job.ends;
    job.end_is_last = true;
    job.end_state = event.ended().state();
  }
  if (!event.has_task_finished()) return;
  const v1::TaskResult& result = event.task_finished();
  ++job.finished[result.task().index()];
  if (result.state() == v1::TASK_STATE_SUCCEEDED) {
    job.answers[result.task().index()] = HashOf(result.completion().content());
  }
}

FetchedJob ReadFetched(int64_t number, const v1::Job& job) {
  FetchedJob fetched{.id = job.job_id(),
                     .trouble = "",
                     .state = job.state(),
                     .degraded = job.degraded(),
                     .error = job.error().message(),
                     .stages = {},
                     .answer = HashOf(job.answer().content())};
  for (const std::string& why : job.degradations()) absl::StrAppend(&fetched.error, "; ", why);
  std::vector<std::string> references;
  int layer = 0;
  for (const v1::LayerResult& stage : job.layers()) {
    std::vector<TaskRecord> records;
    std::vector<std::string> contents;
    for (int i = 0; i < stage.tasks_size(); ++i) {
      const v1::TaskResult& task = stage.tasks(i);
      TaskRecord record{.index = task.task().index(),
                        .state = task.state(),
                        .digest = "",
                        .saw = {},
                        .answer = "",
                        .expected_digest = "",
                        .error = task.error().message()};
      if (task.state() == v1::TASK_STATE_SUCCEEDED) {
        const std::string& content = task.completion().content();
        record.digest = cluster::DigestOf(content);
        record.saw = cluster::SawOf(content);
        record.answer = HashOf(content);
        if (!job.degraded()) record.expected_digest = ExpectedDigest(number, layer, i, references);
        contents.push_back(content);
      }
      records.push_back(std::move(record));
    }
    references = std::move(contents);
    fetched.stages.push_back(std::move(records));
    ++layer;
  }
  return fetched;
}

std::vector<StoredHistory> ReadSqliteStore(const std::string& path) {
  sqlite3* opened = nullptr;
  const int status = sqlite3_open_v2(path.c_str(), &opened, SQLITE_OPEN_READWRITE, nullptr);
  const Sqlite database(opened);
  if (status != SQLITE_OK) throw std::runtime_error(absl::StrCat("cannot open ", path));
  std::map<int64_t, StoredHistory> jobs;
  Query(opened, "SELECT job, id, idempotency_key, state FROM jobs", [&](sqlite3_stmt* row) {
    StoredHistory& job = jobs[sqlite3_column_int64(row, 0)];
    job.id = BytesOf(row, 1);
    job.key = BytesOf(row, 2);
    job.state = sqlite3_column_int(row, 3);
  });
  constexpr auto kSequenceMask = static_cast<int64_t>(kSequenceMax);
  Query(opened, "SELECT job_and_sequence, payload FROM events ORDER BY 1", [&](sqlite3_stmt* row) {
    const int64_t both = sqlite3_column_int64(row, 0);
    AddStoredEvent(static_cast<uint64_t>(both & kSequenceMask), BytesOf(row, 1),
                   jobs[both >> kSequenceBits]);
  });
  return Values(std::move(jobs));
}

std::vector<StoredHistory> ReadPostgresStore(const std::string& url) {
  const Postgres database(PQconnectdb(url.c_str()));
  if (PQstatus(database.get()) != CONNECTION_OK) {
    throw std::runtime_error(PQerrorMessage(database.get()));
  }
  std::map<std::string, StoredHistory> jobs;
  Query(
      database.get(),
      "SELECT id, coalesce(idempotency_key, ''), state FROM moa_jobs LEFT JOIN moa_keys USING (id)",
      [&](PGresult* row) {
        StoredHistory& job = jobs[BytesIn(row, 0)];
        job.id = BytesIn(row, 0);
        job.key = BytesIn(row, 1);
        job.state = static_cast<int>(NumberIn(row, 2));
      });
  Query(database.get(), "SELECT id, sequence, payload FROM moa_events ORDER BY id, sequence",
        [&](PGresult* row) {
          AddStoredEvent(static_cast<uint64_t>(NumberIn(row, 1)), BytesIn(row, 2),
                         jobs[BytesIn(row, 0)]);
        });
  return Values(std::move(jobs));
}

std::vector<UpstreamCall> ReadJournal(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(absl::StrCat("cannot read ", path));
  std::vector<UpstreamCall> calls;
  std::map<std::pair<int64_t, uint64_t>, size_t> places;
  simdjson::dom::parser parser;
  for (std::string line; std::getline(file, line);) {
    simdjson::dom::element root;
    // The last line of a process that was killed may be half a line: nothing else is.
    if (parser.parse(line).get(root) != simdjson::SUCCESS) continue;
    const int64_t run = root["run"];
    const uint64_t sequence = root["sequence"];
    int64_t began_us = 0;
    if (root["began_us"].get(began_us) == simdjson::SUCCESS) {
      places[{run, sequence}] = calls.size();
      calls.push_back({.run = run,
                       .sequence = sequence,
                       .mark = Text(root, "mark"),
                       .digest = Text(root, "digest"),
                       .answer = Text(root, "answer"),
                       .began_us = began_us,
                       .ended_us = 0,
                       .status = 0,
                       .outcome = "cut off"});
      continue;
    }
    const auto place = places.find({run, sequence});
    if (place == places.end()) throw std::runtime_error("the journal ends a call that never began");
    UpstreamCall& call = calls[place->second];
    call.ended_us = root["ended_us"];
    call.status = static_cast<int>(int64_t{root["status"]});
    call.outcome = Text(root, "outcome");
  }
  return calls;
}

}  // namespace moa::chaos
