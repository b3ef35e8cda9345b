#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "coordinator/engine/events.h"
#include "coordinator/engine/retry_policy.h"
#include "tests/sim/disk.h"
#include "tests/sim/event_queue.h"
#include "tests/sim/protocol.h"
#include "tests/sim/trace.h"

namespace moa::sim {

// Watches the whole history of a simulation and says which rule was broken first. It believes
// nobody: what is durable it reads from the disk, what a call sent it has from the provider, and it
// counts slots and tries itself.
//
// Owner: the World. Not thread-safe.
class Auditor {
 public:
  Auditor(const EventQueue& queue, Trace& trace) : queue_(queue), trace_(trace) {}

  // The first violation ends the simulation.
  void Fail(absl::string_view rule, absl::string_view details);
  void Require(bool holds, absl::string_view rule, absl::string_view details) {
    if (!holds) Fail(rule, details);
  }
  bool failed() const { return !rule_.empty(); }
  const std::string& rule() const { return rule_; }
  const std::string& details() const { return details_; }

  // The disk. `id`'s newest record has just become durable; `job` is what the disk holds of it.
  void Inspect(const Disk* disk) { disk_ = disk; }
  void Committed(const JobId& id, const DiskJob& job);

  // Clients.
  void Acknowledged(const std::string& key, const JobId& id);
  void CancelAsked(const JobId& id) { cancelled_.insert(id); }
  void EndReported(const JobId& id);
  // A watcher was sent `record`; a client received it after it had seen up to `last_seen`.
  void Published(const JobId& id, const Record& record);
  void Received(const JobId& id, uint64_t last_seen, const Record& record);

  // A cluster. Members are declared dead on the disk.
  void WrittenBy(uint64_t epoch);
  void DispatchedBy(uint64_t epoch, const AttemptRef& ref);
  // At the store: it joins or renews; is declared dead.
  void Renewed(uint64_t epoch);
  void DeclaredDead(uint64_t epoch, uint64_t by);
  void SharesInUse(const QuotaKey& of, uint64_t sum_ppm);
  // Of what follows, streams and results are those of this owner.
  void StreamOf(uint64_t stream, uint64_t epoch) { epochs_[stream] = epoch; }
  void OwnerLost(uint64_t epoch);

  // The coordinator: what it emitted, dispatched and counts as running on a stream.
  void Emitted(uint64_t epoch, const Record& record);
  void CoordinatorLost();
  void Connected(uint64_t stream, const WorkerId& worker, uint32_t slots);
  void SlotsChanged(uint64_t stream, uint32_t slots);
  void Dispatched(uint64_t stream, const AttemptRef& ref);
  void Adopted(uint64_t stream, const AttemptRef& ref);
  void Ended(uint64_t stream, const AttemptRef& ref);
  void Disconnected(uint64_t stream);
  void AttemptFailed(const AttemptRef& ref, uint64_t epoch, ErrorCode code);

  // The provider answers call `nonce` with `completion`.
  void Answered(uint64_t nonce, const AttemptRef& ref, std::shared_ptr<const Call> call,
                const Completion& completion);
  // The provider counts `usage` of a call on `model`.
  void Billed(const AttemptRef& ref, const std::string& model, const Usage& usage);
  // A new owner takes the job up from what is on disk.
  void TakenUp(const JobId& id, uint64_t epoch);
  // A worker forgets a result because the coordinator said so, on that stream.
  void Forgotten(uint64_t stream, const Event& finished);

  // What a worker runs that has been connected for long.
  void CheckNoneIsOver(const std::vector<AttemptRef>& running);

  // At the end, when all faults have stopped and everything is over.
  void CheckAcknowledgedJobsEnded();
  uint64_t calls() const { return answers_.size(); }

 private:
  struct Answer {
    AttemptRef ref;
    std::shared_ptr<const Call> call;  // owners: as in RunTask, and this
    Completion completion;
  };
  struct StreamCount {
    WorkerId worker;
    uint32_t slots = 0;
    std::set<AttemptRef> running;
  };
  // What an owner of a job may know to have been used.
  struct Bill {
    uint64_t tokens = 0;
    uint32_t calls = 0;
    double cost_usd = 0;
  };
  struct Tries {
    uint32_t failures = 0;
    uint32_t refusals = 0;
    uint32_t losses = 0;
  };

  void CheckSequence(const JobId& id, const DiskJob& job);
  void CheckResult(const JobId& id, const DiskJob& job, const TaskResult& result);
  void CheckStandIn(const std::string& where, const DiskJob& job, const TaskResult& result);
  void CheckLeftOut(const JobId& id, const DiskJob& job, const TaskResult& result);
  void CheckDegraded(const JobId& id, const DiskJob& job);
  void CheckEnd(const JobId& id, const DiskJob& job, const JobEnded& end);
  void CheckSums(const JobId& id, const DiskJob& job, const JobEnded& end);
  void CheckOnDisk(const JobId& id, const Record& record, absl::string_view rule);

  const EventQueue& queue_;
  Trace& trace_;
  const Disk* disk_ = nullptr;
  const RetryPolicy limits_{};
  std::string rule_;
  std::string details_;
  std::map<uint64_t, Answer> answers_;                              // by nonce
  std::map<uint64_t, JobId> durable_results_;                       // nonce of each durable success
  std::map<uint64_t, std::set<uint64_t>> emitted_results_;          // by owners that live now
  std::map<uint64_t, std::pair<absl::Time, absl::Time>> renewing_;  // by epoch: since when, last
  std::map<uint64_t, uint64_t> epochs_;                             // by stream
  std::map<std::string, JobId> acknowledged_;                       // by idempotency key
  std::set<JobId> cancelled_;
  std::map<JobId, absl::Time> ended_;                          // when that became durable
  std::map<std::pair<JobId, uint32_t>, absl::Time> finished_;  // the same of each task
  std::map<std::pair<JobId, uint64_t>, Bill> bills_;           // by the job's owner, its epoch
  std::map<JobId, std::map<uint64_t, Record>> published_;
  std::map<uint64_t, StreamCount> streams_;
  std::map<std::tuple<uint64_t, JobId, uint32_t>, Tries> tries_;  // epoch, job, task
};

// The call that made this completion, from its response id; 0 when it names none.
uint64_t NonceOf(const Completion& completion);

}  // namespace moa::sim
