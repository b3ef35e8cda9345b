#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/tuner/dimension.h"
#include "moa/v1/job.pb.h"

namespace moa {

// A model that agents may get.
struct ModelChoice {
  std::string id{};
  std::vector<std::string>
      efforts{};  // the values of reasoning_effort that it takes; none: unknown, any
};

// What is searched, and its limits. What the base MoA has is always within.
struct SpaceOptions {
  bool models = true;
  bool temperatures = true;
  bool agents = true;  // which of them run
  bool cycles = true;
  bool prompts = true;
  // Off unless asked for: each multiplies the cost of a run or the size of the search.
  bool samples = false;
  bool efforts = false;

  std::vector<ModelChoice> offered{};  // beside the base's own
  std::vector<std::string> fixed{};    // agents that stay as they are
  double temperature_max = 1.5;        // providers take up to 2; beyond 1.5 texts fall apart
  uint32_t samples_max = 3;
  uint32_t cycles_max = 3;
  size_t prompts_max = 100;         // of one agent, the base's included
  size_t prompt_bytes_max = 8'000;  // of one; prompts that are rewritten tend to grow
};

// The configurations of a MoA that are searched, and how each is written.
//
// A point in which nothing differs from the base gives the base, to the byte. A value type, externally synchronised;
// only Rewrite changes it.
class Space {
 public:
  // An agent of a layer, or the aggregator. Critics and routers stay as they are.
  struct Slot {
    std::string name{};  // unique; what people and the rewriting model call it
    int layer = -1;      // 0-based, as `agent`; -1: the aggregator
    int agent = -1;
    bool fixed = false;
    std::optional<size_t> on{};  // dimensions, where they are searched
    std::optional<size_t> model{};
    std::optional<size_t> temperature{};
    std::optional<size_t> samples{};
    std::optional<size_t> effort{};
    std::optional<size_t> prompt{};
    std::vector<std::string> prompts{};  // 0 is the base's
  };

  // INVALID_ARGUMENT: there is nothing to search, or `options` name an agent that is not there.
  static absl::StatusOr<Space> Create(const v1::Moa& base, const SpaceOptions& options);

  const std::vector<Dimension>& dimensions() const { return dimensions_; }
  const std::vector<Slot>& slots() const { return slots_; }
  const Slot* FindSlot(absl::string_view name) const;

  Point BasePoint() const { return base_point_; }
  v1::Moa Apply(const Point& point) const;
  // Equal for points that give the same MoA, and only for those.
  std::string KeyOf(const Point& point) const;
  // "planner.temperature" → "0.7", of what matters in `point`.
  std::map<std::string, std::string> Describe(const Point& point) const;

  // True when an agent of a layer runs; points of which this is not true are no candidates.
  bool HasAgent(const Point& point) const;
  // The slots of the agents that run and could be dropped.
  std::vector<size_t> Droppable(const Point& point) const;
  Point Without(Point point, size_t slot) const;

  // `point` with another prompt for the agent of that name; a prompt that is new joins its pool. INVALID_ARGUMENT, for
  // people: there is no such agent, its prompt is not searched, the pool is full, or the prompt is too long, empty, or
  // lacks the token {helper_response} that the base's has, without which an agent may see no references.
  struct Rewritten {
    Point point{};
    size_t prompt = 0;  // its number in the pool
    bool added = false;
  };
  absl::StatusOr<Rewritten> Rewrite(Point point, absl::string_view agent,
                                    const std::string& prompt);

 private:
  Space(v1::Moa base, SpaceOptions options)
      : base_(std::move(base)), options_(std::move(options)) {}
  void AddSlots();
  void AddDimensions(size_t slot);
  void AddCycles(int layer);
  // Dimensions of an agent matter while it runs.
  size_t AddDimension(Dimension dimension, double base_value);
  void AddModel(Slot& slot, const v1::Agent& agent, const Dimension& like);
  void AddEffort(Slot& slot, const v1::Agent& agent, const Dimension& like);
  void ApplySlot(const Slot& slot, const Point& point, v1::Agent& agent) const;
  const v1::Agent& AgentOf(const Slot& slot) const;
  bool Takes(const std::string& model, const std::string& effort) const;
  bool IsBase(const Point& point, size_t dimension) const;
  std::string ValueText(const Point& point, size_t dimension) const;

  v1::Moa base_;
  SpaceOptions options_;
  std::vector<Slot> slots_;
  std::vector<std::optional<size_t>> cycles_;  // dimensions, by layer
  std::vector<Dimension> dimensions_;
  std::vector<std::vector<std::string>> words_;  // by dimension: the choices that are texts
  Point base_point_;
};

}  // namespace moa
