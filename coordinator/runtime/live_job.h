#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/text.h"
#include "coordinator/convert/codec.h"
#include "coordinator/engine/job_machine.h"
#include "coordinator/engine/token_estimator.h"

namespace moa {

// A job that has no durable terminal record yet, with what the runtime keeps beside its machine.
// Owner: Coordinator. Loop thread only.
struct LiveJob {
  LiveJob(JobId id, std::shared_ptr<const Plan> job_plan, const JobMachine::Options& options)
      : plan(std::move(job_plan)), machine(std::move(id), plan, options) {}

  // What a task's running attempt has said so far; kept only while somebody reads it.
  struct TaskText {
    uint32_t attempt = 0;
    std::string content;
    std::string reasoning;
  };
  // Who follows more than what is stored.
  struct Readers {
    uint32_t progress = 0;
    uint32_t all_text = 0;  // of those: who wants what every task says, not the answer alone

    bool Read(const Plan& plan, uint32_t task) const {
      return all_text > 0 || (progress > 0 && task == plan.aggregator_task());
    }
  };
  // A record on its way to the disk.
  struct Unstored {
    uint64_t sequence = 0;
    Text payload;
    // Which attempt's result it holds, to be forgotten by this worker once it is stored.
    std::optional<std::pair<WorkerId, AttemptRef>> result;
  };

  std::shared_ptr<const Plan> plan;  // also held by the machine
  JobMachine machine;
  InputHasher hasher;
  PromptSizer sizer;
  absl::btree_set<WorkerId> kept_by;  // workers that keep something of the job (WorkerLink::Run)
  uint64_t text_bytes = 0;            // as counted for admission
  // Durable events in order: events[i] has sequence i + 1.
  std::vector<Text> events;
  std::vector<Unstored> unstored;  // in order
  std::vector<uint64_t> watches;
  Readers readers;
  std::map<uint32_t, std::string> fallbacks;  // the model of each task that left its agent's first
  std::map<uint32_t, TaskText> texts;         // by task
  // Called with the machine once the terminal record is on disk, or with why that will not be here.
  std::vector<absl::AnyInvocable<void(absl::StatusOr<const JobMachine*>)>> when_ended;
  absl::Time timer = absl::InfiniteFuture();  // its entry in the coordinator's timers
  absl::Time stage_started;
  StageKind stage_kind = StageKind::kPropose;  // of the stage that started then
  bool counted_queued = false;                 // among the coordinator's jobs_queued_
  // The attempt whose end is being applied: the record that it brings about belongs to it.
  std::optional<std::pair<WorkerId, AttemptRef>> ending;
};

}  // namespace moa
