#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// What a watcher knows about one task.
struct TaskProgress {
  v1::TaskId id;
  std::string model;  // empty until known
  v1::TaskState state = v1::TASK_STATE_QUEUED;
  uint32_t attempt = 0;
  std::string worker;
  uint64_t content_bytes = 0;  // of the running attempt, as the next
  uint64_t reasoning_bytes = 0;
  absl::Time started = absl::InfinitePast();      // of the attempt, by the watcher's clock
  absl::Time first_token = absl::InfinitePast();  // likewise
  uint64_t completion_tokens = 0;                 // once finished, as counted by the provider
  uint64_t run_us = 0;                            // likewise, as the next
  uint64_t ttft_us = 0;
  std::string error;
};

struct LayerProgress {
  uint32_t layer = 0;
  uint32_t round = 0;
  v1::StageKind kind = v1::STAGE_KIND_UNSPECIFIED;  // a round's agents, its critics, its router
  std::vector<TaskProgress> tasks;                  // in plan order
};

// A job as a watcher sees it: events in, state out. Pure: time comes in as an argument, and is used
// for nothing but speed and elapsed time. Bad or missing events (another version's, a gap) never
// break it.
//
// Externally synchronised.
class ProgressModel {
 public:
  // `job` as GetJob returned it at `now`: its name, its plan and how long it has been running.
  ProgressModel(const v1::Job& job, absl::Time now);

  void Apply(const v1::WatchUpdate& update, absl::Time now);

  const std::string& job_id() const { return job_id_; }
  const std::string& name() const { return name_; }
  v1::JobState state() const { return state_; }
  bool degraded() const { return degraded_; }
  const v1::Error& error() const { return error_; }
  const std::vector<LayerProgress>& layers() const { return layers_; }
  // Layers of the plan with the aggregator as the last, and rounds of a layer; 0 where not known.
  uint32_t layers_total() const { return static_cast<uint32_t>(rounds_.size()); }
  uint32_t rounds_total(uint32_t layer) const;
  // 0 where what is said on the way decides how many there are.
  uint32_t tasks_total() const { return tasks_total_; }
  uint32_t tasks_finished() const { return tasks_finished_; }
  // Since acceptance; stands still once the job has ended.
  absl::Duration Elapsed(absl::Time now) const;

  // Null when no such task was announced.
  const TaskProgress* Find(const v1::TaskId& id) const;

 private:
  TaskProgress& Task(const v1::TaskId& id);
  LayerProgress& Layer(uint32_t layer, uint32_t round, v1::StageKind kind);
  void AddLayer(const v1::Layer& layer);
  std::string ModelOf(const v1::TaskId& id) const;
  void ApplyEvent(const v1::JobEvent& event);
  void ApplyDelta(const v1::TaskDelta& delta, absl::Time now);
  void ApplyResult(const v1::TaskResult& result);

  std::string job_id_;
  std::string name_;
  std::vector<uint32_t> rounds_;                            // by layer
  std::vector<std::map<std::string, std::string>> models_;  // by layer: agent → model
  uint32_t tasks_total_ = 0;
  bool is_open_ = false;  // how many tasks there are is not known beforehand
  absl::Time origin_;     // when the job was accepted, by the watcher's clock

  v1::JobState state_ = v1::JOB_STATE_QUEUED;
  bool degraded_ = false;
  v1::Error error_;
  std::vector<LayerProgress> layers_;
  uint32_t tasks_finished_ = 0;
  absl::Duration latency_ = absl::InfiniteDuration();  // finite once ended
};

// Tokens that so many bytes of text probably are: about four bytes each.
uint64_t EstimatedTokens(uint64_t text_bytes);

}  // namespace moa
