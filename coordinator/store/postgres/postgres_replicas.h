#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/loop/mutex.h"
#include "coordinator/store/postgres/postgres_reader.h"
#include "coordinator/store/postgres/session.h"
#include "coordinator/store/replica_store.h"

namespace moa {

// The members' half of a store, on a connection of its own: a renewal waits for no group of writes.
// Owner: the store. Thread-safe.
class PostgresReplicas : public ReplicaStore {
 public:
  // `epoch` tells who this member is: 0 until it is one.
  // `reader` is borrowed for this object's life.
  PostgresReplicas(const std::string& url, std::function<uint64_t()> epoch, PostgresReader& reader);

  absl::StatusOr<ClusterView> Renew(const std::string& address, uint64_t jobs) override;
  absl::Status Apply(uint64_t version, const Change& change) override;
  absl::StatusOr<std::vector<StoredJob>> Claim(size_t limit) override;
  absl::StatusOr<std::vector<Member>> Members() override;
  absl::StatusOr<JobRow> Find(const JobId& id) override;
  absl::Status Release(const std::vector<JobId>& jobs) override;
  absl::Status Leave() override;

 private:
  // As one transaction; connects first where need be.
  absl::StatusOr<std::vector<Rows>> Run(const std::vector<Session::Command>& commands)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string url_;
  const std::function<uint64_t()> epoch_;
  PostgresReader& reader_;
  Mutex mutex_;
  std::unique_ptr<Session> session_ ABSL_GUARDED_BY(mutex_);
  std::atomic<uint64_t> claims_{0};    // that succeeded
  std::atomic<uint64_t> renewals_{0};  // as the last one that was answered has read
};

}  // namespace moa
