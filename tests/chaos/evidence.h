#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "moa/v1/job.pb.h"
#include "tests/chaos/history.h"

namespace moa::chaos {

// Where the auditor's evidence comes from. All throw std::runtime_error when it cannot be read.

// A job as GetJob tells it; `number` is what its prompts are made from.
FetchedJob ReadFetched(int64_t number, const v1::Job& job);

// The tables of a store whose coordinators have ended: an SQLite file, or a database by its address.
std::vector<StoredHistory> ReadSqliteStore(const std::string& path);
std::vector<StoredHistory> ReadPostgresStore(const std::string& url);

// The simulator's journal (simulator/journal.h).
std::vector<UpstreamCall> ReadJournal(const std::string& path);

// Adds an event of the job to what is known of it.
void AddStoredEvent(uint64_t sequence, const std::string& payload, StoredHistory& job);

}  // namespace moa::chaos
