#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/engine/model_table.h"
#include "coordinator/engine/types.h"

namespace moa {

// Bounds on one job. Each names the failure it prevents; a job beyond one is refused with the
// limit's name and value.
struct JobLimits {
  uint32_t layers_max = 32;             // a job that runs for ever
  uint32_t cycles_max = 64;             // the same
  uint32_t rounds_max = 16;             // critics that are never satisfied
  uint32_t critics_max = 16;            // verdicts that cost more than the answers
  uint32_t agents_per_layer_max = 256;  // one job starving all others
  uint32_t samples_max = 64;            // the same
  uint32_t tasks_max = 4096;            // a plan too large to hold and store
  uint32_t messages_max = 4096;         // a conversation too long to validate quickly
  uint64_t text_bytes_max =
      16u << 20;  // all texts of a job together: memory of coordinator and workers
  uint32_t tools_max = 128;
  absl::Duration deadline_max = absl::Hours(24);
  absl::Duration deadline_default = absl::Minutes(10);
};

// One mistake in a job: where (a path as in the job file, "moa.layers[0].agents[2].model") and what
// is wrong together with what would be right.
struct Violation {
  std::string field{};
  std::string description{};
  friend bool operator==(const Violation&, const Violation&) = default;
};

enum class StageKind { kPropose, kCritique, kRoute, kAggregate };

// One task of a plan.
struct PlannedTask {
  uint32_t index = 0;            // position in Plan::tasks
  uint32_t stage = 0;            // position in Plan::stages
  uint32_t sample = 0;           // 0-based
  const Agent* agent = nullptr;  // in the plan, which outlives it; as its round has it
  // Of a critic with scope EACH: the task whose answer it judges.
  std::optional<uint32_t> judges{};
  const ResponseFormat* format = nullptr;  // in the plan; null: none is asked for
};

// Tasks that run in parallel: the agents of a layer in one round, its critics, its router, or the aggregator.
struct Stage {
  StageKind kind = StageKind::kPropose;
  uint32_t layer = 0;  // 1-based; the aggregator's is the number of layers + 1
  uint32_t round =
      0;  // 1-based: counts the runs of the layer, over its cycles and its critics' rounds
  // The stages of one cycle of a layer are a block: what they decide together is handed on. The router's belongs to
  // the first cycle's.
  uint32_t block = 0;
  uint32_t attempt = 0;  // 1-based: the round within the block
  uint32_t first_task = 0;
  uint32_t task_count = 0;
};

// A validated job unrolled into stages and tasks, in running order, as if every critic asked for every further round;
// what is not needed is passed over when it runs. The last stage is the aggregator's single task; where the best answer
// is the job's, that task makes no call. Immutable after Compile, not movable (tasks point into it); externally
// synchronised.
//
// Deterministic: the same spec gives the same tasks with the same indices, which is what lets
// stored results and workers' attempts be matched after a restart.
struct Plan {
  explicit Plan(JobSpec job) : spec(std::move(job)) {}
  Plan(const Plan&) = delete;
  Plan& operator=(const Plan&) = delete;

  const JobSpec spec;  // as given to Compile, normalised
  absl::Duration deadline = absl::InfiniteDuration();
  std::vector<Stage> stages{};
  std::vector<PlannedTask> tasks{};
  std::deque<Agent> escalated{};         // agents as later rounds have them
  std::deque<ResponseFormat> formats{};  // of critics and routers

  uint32_t aggregator_task() const { return static_cast<uint32_t>(tasks.size()) - 1; }
  uint32_t aggregator_stage() const { return static_cast<uint32_t>(stages.size()) - 1; }
  // REQUIRES: the stage is not the aggregator's.
  const Layer& LayerOf(const Stage& stage) const { return spec.moa.layers[stage.layer - 1]; }
  // The first stage after `stage`'s block.
  uint32_t NextBlock(uint32_t stage) const;
};

// What an agent gets that does not name max_completion_tokens: enough for a reference, little enough
// to fit a small rate limit.
inline constexpr uint32_t kCompletionTokensDefault = 2048;

// Every mistake in `spec`, in the order of its fields; empty when it is sound. Does not look at the
// clock or at workers. Models count as known when `models` has them.
std::vector<Violation> Validate(const JobSpec& spec, const ModelTable& models,
                                const JobLimits& limits);

// Puts defaults in explicitly (tenant, agent names, samples, cycles, rounds, max_completion_tokens …), so
// that two ways to write the same job compare and hash equal. Idempotent.
JobSpec Normalize(JobSpec spec);

// REQUIRES: Validate(spec) found nothing (or the spec was accepted once before: a stored job is
// compiled again after a restart even if the limits or the model table have changed since).
std::shared_ptr<const Plan> Compile(JobSpec spec, const JobLimits& limits);

}  // namespace moa
