#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/store/job_store.h"
#include "coordinator/store/postgres/session.h"

namespace moa {

// The statements on the store's tables, and the values that they take. The lists are what Session::Prepare gets.

absl::Span<const StatementText> WriteStatements();
absl::Span<const StatementText> ReadStatements();

// One row when the job is inserted. None when its id or its tenant's key is taken.
Session::Command InsertCommand(const NewJob& job, uint64_t owner);
// The job that has the key: id and request hash.
Session::Command FindKeyCommand(const NewJob& job);
// The job that has the id: request hash.
Session::Command FindIdCommand(const NewJob& job);
// Adds the event and changes the job's row; does nothing a second time, or to a job that is not there.
std::vector<Session::Command> UpdateCommands(const JobUpdate& update);
// As many as UpdateCommands has.
std::ptrdiff_t UpdateCommandCount(const JobUpdate& update);
// The new member's epoch.
Session::Command NextEpochCommand(const std::string& host);
// Keeps the member from being declared dead until the transaction ends; fails (SQLSTATE MOA01) when it has been.
Session::Command HoldCommand(uint64_t member);
Session::Command ProbeCommand();

// As RowOf reads it; and the spec.
Session::Command ReadJobCommand(const JobId& id);
Session::Command ReadSpecCommand(const JobId& id);
// sequence and payload.
Session::Command ReadEventsCommand(const JobId& id, uint64_t after_sequence);
// As RowOf reads them, newest first.
Session::Command ListCommand(const JobQuery& query, StoredState state);
Session::Command ListUnfinishedCommand();
// state and number; all tenants' with "".
Session::Command CountCommand(const std::string& tenant);

// As GradeOf reads them, newest first; and as LeaderboardEntryOf, best first.
Session::Command ListGradesCommand(const GradeQuery& query);
Session::Command LeaderboardCommand(const std::string& tenant, const std::string& grader,
                                    size_t limit);

JobRow RowOf(const Rows& rows, int row);
StoredGrade GradeOf(const Rows& rows, int row);
LeaderboardEntry LeaderboardEntryOf(const Rows& rows, int row);

}  // namespace moa
