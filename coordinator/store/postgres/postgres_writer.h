#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/store/postgres/session.h"
#include "coordinator/store/write_group.h"

namespace moa {

// Commits groups on a PostgreSQL server, one transaction and one round trip each, and connects anew when the connection
// is lost. After NextEpoch it is a member of the cluster, and every group is refused as a whole (FAILED_PRECONDITION)
// once that member has been declared dead.
//
// Owner: a GroupWriter. Externally synchronised.
class PostgresWriter : public GroupSink {
 public:
  // Connects and brings the tables up to date. Errors as Session::Connect and PreparePostgresSchema.
  static absl::StatusOr<std::unique_ptr<PostgresWriter>> Open(const std::string& url);

  absl::Status Apply(WriteGroup& group) override;
  absl::Status Probe() override;
  absl::Status Upkeep() override;

  // The newest epoch that it was given; 0 before. Thread-safe.
  uint64_t epoch() const { return epoch_.load(); }

 private:
  explicit PostgresWriter(const std::string& url);

  absl::Status Connect(bool prepare_schema);
  std::vector<Session::Command> CommandsFor(const WriteGroup& group) const;
  void SetOutcomes(const std::vector<Rows>& rows, WriteGroup& group);
  absl::StatusOr<std::vector<Rows>> Run(const std::vector<Session::Command>& commands);

  const std::string url_;
  const std::string host_;
  std::unique_ptr<Session> session_;  // null while there is none
  absl::Time partitions_made_ = absl::InfinitePast();
  std::atomic<uint64_t> epoch_{0};
};

}  // namespace moa
