#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/store/postgres/session.h"
#include "coordinator/store/write_group.h"

namespace moa {

// Commits groups on a PostgreSQL server, one transaction and one round trip each, and connects anew when the connection
// is lost. Its session owns the store (TakeOwnership), so that of two coordinators only one writes; and where another
// one has been the owner meanwhile, it never writes again: what it knows is of the past.
//
// Owner: a GroupWriter. Externally synchronised.
class PostgresWriter : public GroupSink {
 public:
  // Connects, takes ownership, for which it waits a moment, and brings the tables up to date. Errors as Session::Connect,
  // PreparePostgresSchema and TakeOwnership.
  static absl::StatusOr<std::unique_ptr<PostgresWriter>> Open(const std::string& url);

  absl::Status Apply(WriteGroup& group) override;
  absl::Status Probe() override;

 private:
  explicit PostgresWriter(const std::string& url) : url_(url) {}

  absl::Status Connect(bool prepare_schema);
  // FAILED_PRECONDITION when another coordinator has owned the store since.
  absl::Status CheckEpoch();
  absl::StatusOr<std::vector<Rows>> Run(const std::vector<Session::Command>& commands);

  const std::string url_;
  std::unique_ptr<Session> session_;  // null while there is none
  uint64_t epoch_ = 0;                // the newest that this owner was given
  uint64_t epochs_in_doubt_ = 0;      // further ones that it may have been given
};

}  // namespace moa
