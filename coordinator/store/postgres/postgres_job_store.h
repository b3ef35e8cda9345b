#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/store/group_writer.h"
#include "coordinator/store/job_store.h"

namespace moa {

struct PostgresJobStoreOptions {
  GroupWriter::Options writer;  // `run_callbacks` among them
  // Reads that run at the same time; further ones wait. Each costs a connection.
  int readers = 4;
};

// Opens the store in the PostgreSQL database that `url` names (postgres://USER:PASSWORD@HOST:PORT/DATABASE, or a libpq
// connection string), whose tables are made when they are not there. Blocks.
//
// Several coordinators may use it: NextEpoch makes each a member of the cluster (ReplicaStore). A server that is lost, restarts or fails over costs no acknowledged write:
// Health() says what is wrong until it is back, inserts are refused, updates wait. An insert whose commit was cut off
// is answered once the server tells what became of it. Several hosts in the URL are tried in turn for the primary.
//
//   FAILED_PRECONDITION  of a newer version; a server that is too old or read only
//   NOT_FOUND            no such database
//   PERMISSION_DENIED    the password, or the right to make tables
//   INVALID_ARGUMENT     the URL
//   UNAVAILABLE          not reachable
//
// No error holds the password. After Close reads still work.
absl::StatusOr<std::unique_ptr<JobStore>> OpenPostgresJobStore(const std::string& url,
                                                               PostgresJobStoreOptions options);

}  // namespace moa
