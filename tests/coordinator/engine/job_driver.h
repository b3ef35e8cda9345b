#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/engine/job_machine.h"

namespace moa {

// Everything that one call would send, spelled out: "role: text" for each message, shared contexts
// opened.
std::string Spell(const CallInput& input);

// One-agent pieces of a job.
Agent MakeAgent(std::string name, std::string model = "gpt-oss-120b");
// `layers` layers of `agents` agents each ("a1", "a2", …) and an aggregator, with the prompt
// "hello".
JobSpec MakeJob(uint32_t layers, uint32_t agents, uint32_t cycles = 1);

// Plays the runtime and the workers for one JobMachine: keeps the records, carries out the commands
// on a queue and a set of running attempts, and checks after each step what must always hold. Time
// stands still unless told.
class JobDriver {
 public:
  // `late`: after that the job is started.
  explicit JobDriver(JobSpec spec, uint64_t seed = 7, const JobLimits& limits = {},
                     absl::Duration late = absl::ZeroDuration());

  // Reports of a worker about the task's current attempt, or about `ref`.
  void Dispatch(uint32_t task, const std::string& worker = "w1");
  void DispatchAll();
  void Succeed(uint32_t task, const std::string& content,
               absl::Duration run = absl::Milliseconds(100));
  void SucceedWith(uint32_t task, const Completion& completion);
  void Fail(uint32_t task, ErrorCode code, bool retryable = false,
            std::optional<absl::Duration> retry_after = std::nullopt);
  // Dispatches all and lets each answer with `prefix` and its index.
  void FinishStage(const std::string& prefix);
  void Cancel(const std::string& reason = "");
  // Asks for a second attempt beside the task's running one.
  void Hedge(uint32_t task) { Apply(HedgeRequested{.ref = ref(task)}); }

  void Apply(const Event& event);
  // Moves the clock, waking the machine whenever it asked for it.
  void Wait(absl::Duration duration);
  // Moves the clock while nobody looks: the owner is gone.
  void Sleep(absl::Duration duration) { now_ += duration; }
  // A new owner takes the job up from its records.
  void Restart();

  JobMachine& machine() { return *machine_; }
  const JobMachine& machine() const { return *machine_; }
  const JobMachine::Task& task(uint32_t index) const { return machine_->task(index); }
  AttemptRef ref(uint32_t task) const { return machine_->task(task).current; }
  AttemptRef hedge(uint32_t task) const { return machine_->task(task).hedge.ref; }
  absl::Time now() const { return now_; }
  uint64_t epoch() const { return epoch_; }
  const std::vector<Record>& records() const { return records_; }
  const Commands& last_commands() const { return last_commands_; }
  void ForgetLastCommands() { last_commands_.clear(); }
  const std::map<AttemptRef, std::string>& queued() const { return queued_; }
  const std::map<AttemptRef, std::string>& running() const { return running_; }
  // Cancelled while running, not reported yet, since the last restart.
  const std::set<AttemptRef>& closing() const { return closing_; }
  template <typename T>
  std::vector<T> RecordsOf() const {
    std::vector<T> found;
    for (const Record& record : records_) {
      if (const T* what = std::get_if<T>(&record.what)) found.push_back(*what);
    }
    return found;
  }
  RetryPolicy retry;  // used from the next Restart on

 private:
  void Carry(const Commands& commands);
  void CarryOne(const Command& command);
  // A machine replayed from the records must equal the live one.
  void CompareWithReplay() const;

  const std::shared_ptr<const Plan> plan_;
  const ModelTable models_ = ModelTable::Shipped();
  absl::Time now_;
  uint64_t epoch_ = 0;
  std::unique_ptr<JobMachine> machine_;
  std::vector<Record> records_;
  Commands last_commands_;
  std::map<AttemptRef, std::string> queued_;   // with the model
  std::map<AttemptRef, std::string> running_;  // with the worker
  std::set<AttemptRef> closing_;
};

}  // namespace moa
