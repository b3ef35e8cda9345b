#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "coordinator/rpc/worker_stream.h"
#include "coordinator/runtime/coordinator.h"
#include "coordinator/runtime/worker_link.h"
#include "moa/v1/worker.pb.h"

namespace moa {

// One worker's stream on the coordinator's loop: reads its messages, keeps the contexts that it has been
// sent, gathers what is to be written until Flush, and sees that it is alive.
//
// Owner: WorkerHub. Loop thread only.
class WorkerSession final : public WorkerLink {
 public:
  // A peer that is silent for so long is taken for dead (worker.proto, rule 5).
  static constexpr absl::Duration kSilenceLimit = absl::Seconds(10);

  WorkerSession(Coordinator& coordinator, std::shared_ptr<WorkerOutlet> outlet,
                std::string coordinator_id);

  void OnMessage(v1::WorkerMessage message);
  // The stream has ended.
  void OnClosed();
  // Called a few times a second: heartbeats out, silence noticed, what may be forgotten said.
  void OnTick(absl::Time now);

  void Welcome(const std::vector<AttemptRef>& keep,
               const std::vector<AttemptRef>& undecided) override;
  void Claim(const std::vector<AttemptRef>& refs) override;
  void ConfirmSlots(uint32_t slots) override;
  void Demand(uint32_t waiting) override;
  bool Run(const RunCommand& command) override;
  void Cancel(const AttemptRef& ref) override;
  void Forget(const AttemptRef& ref) override;
  void StreamDeltas(const AttemptRef& ref, bool on) override;
  void ForgetJob(const JobId& job) override;
  void Flush() override;
  void Close(absl::string_view reason) override;

 private:
  void OnHello(v1::Hello* hello);
  void OnDelta(v1::AttemptDelta* delta);
  void OnFinished(v1::AttemptFinished* finished);
  void OnOffer(v1::OfferAttempts* offer);
  // The key under which the worker has this context; sends it first when it has not.
  uint64_t ContextKey(const JobId& job, const SharedContext& context);
  v1::CoordinatorMessage& Add();
  void WantFlush();
  void SendForgotten();

  Coordinator& coordinator_;
  const std::shared_ptr<WorkerOutlet> outlet_;
  const std::string coordinator_id_;

  WorkerId worker_;                              // empty until Hello
  std::vector<v1::CoordinatorMessage> pending_;  // until Flush
  v1::ResultsDurable forgotten_;  // until the next message, or the next tick: nobody waits for it
  bool flush_wanted_ = false;
  bool draining_ = false;  // but a worker that wants to leave does
  absl::flat_hash_map<JobId, std::map<uint32_t, uint64_t>> contexts_;  // keys by SharedContext::id
  uint64_t next_key_ = 1;
  absl::Time last_received_;
  absl::Time last_sent_;
  // When it last said that a call of it made progress, or had none to run.
  absl::Time last_progress_;
};

}  // namespace moa
