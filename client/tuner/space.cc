#include "client/tuner/space.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/json/moa_json.h"
#include "client/tuner/leave_out.h"
#include "common/base/status_macros.h"
#include "common/document/field.h"
#include "common/hash/sha256.h"

namespace moa {
namespace {

constexpr double kProviderTemperature = 1;  // where a call says nothing (the API's default)
constexpr double kTemperatureStep = 0.05;   // less makes no difference in a text
constexpr absl::string_view kToken = "{helper_response}";
constexpr size_t kKeyDigits = 12;
// Agents are there because somebody thought them useful.
constexpr double kOnPrior = 0.7;

}  // namespace

absl::StatusOr<Space> Space::Create(const v1::Moa& base, const SpaceOptions& options) {
  Space space(base, options);
  space.AddSlots();
  std::vector<std::string> names;
  for (const Slot& slot : space.slots_) names.push_back(slot.name);
  for (const std::string& fixed : options.fixed) {
    const auto found = std::find(names.begin(), names.end(), fixed);
    if (found == names.end()) {
      const std::string near = NearestWord(fixed, names);
      return absl::InvalidArgumentError(
          absl::StrCat("there is no agent \"", fixed, "\"",
                       near.empty() ? absl::StrCat("; there are: ", absl::StrJoin(names, ", "))
                                    : absl::StrCat("; did you mean \"", near, "\"?")));
    }
    space.slots_[static_cast<size_t>(found - names.begin())].fixed = true;
  }
  for (size_t slot = 0; slot < space.slots_.size(); ++slot) space.AddDimensions(slot);
  for (int layer = 0; layer < base.layers_size(); ++layer) space.AddCycles(layer);
  if (space.dimensions_.empty()) {
    return absl::InvalidArgumentError(
        "nothing is left to search: every agent is fixed, or what is searched has one value only");
  }
  return space;
}

void Space::AddSlots() {
  std::set<std::string> taken;
  const auto add = [&](std::string name, int layer, int agent, const std::string& prompt) {
    if (!taken.insert(name).second) {
      name = layer < 0 ? absl::StrCat(name, " (last)")
                       : absl::StrCat(name, " (layer ", layer + 1, ")");
      taken.insert(name);
    }
    Slot& slot = slots_.emplace_back();
    slot.name = std::move(name);
    slot.layer = layer;
    slot.agent = agent;
    slot.prompts = {prompt};
  };
  for (int l = 0; l < base_.layers_size(); ++l) {
    for (int a = 0; a < base_.layers(l).agents_size(); ++a) {
      const v1::Agent& agent = base_.layers(l).agents(a);
      add(agent.name(), l, a, agent.system_prompt());
    }
  }
  if (base_.best_answer()) return;
  const std::string& name = base_.aggregator().name();
  add(name.empty() ? "aggregator" : name, -1, -1, base_.aggregator().system_prompt());
}

size_t Space::AddDimension(Dimension dimension, double base_value) {
  dimension.base = base_value;
  dimensions_.push_back(std::move(dimension));
  words_.emplace_back();
  base_point_.push_back(base_value);
  return dimensions_.size() - 1;
}

void Space::AddDimensions(size_t index) {
  Slot& slot = slots_[index];
  if (slot.fixed) return;
  const v1::Agent& agent = AgentOf(slot);
  const size_t agents = slots_.size() - (base_.best_answer() ? 0 : 1);
  if (options_.agents && slot.layer >= 0 && agents > 1) {
    slot.on = AddDimension({.name = absl::StrCat(slot.name, ".on"),
                            .choices = 2,
                            .prior = {1 - kOnPrior, kOnPrior},
                            .group = index + 1},
                           1);
  }
  Dimension like;
  like.group = index + 1;  // 0 is for what belongs to no agent
  if (slot.on) like.gates = {*slot.on};
  AddModel(slot, agent, like);
  if (options_.temperatures) {
    Dimension dimension = like;
    dimension.name = absl::StrCat(slot.name, ".temperature");
    const double base = agent.has_temperature() ? agent.temperature() : kProviderTemperature;
    dimension.high = std::max(options_.temperature_max, base);
    dimension.step = kTemperatureStep;
    slot.temperature = AddDimension(std::move(dimension), base);
  }
  if (options_.samples && slot.layer >= 0 && options_.samples_max > 1) {
    Dimension dimension = like;
    dimension.name = absl::StrCat(slot.name, ".samples");
    const uint32_t base = std::max(1u, agent.samples());
    dimension.choices = std::max(options_.samples_max, base);
    slot.samples = AddDimension(std::move(dimension), base - 1);
  }
  AddEffort(slot, agent, like);
  if (options_.prompts) {
    Dimension dimension = like;
    dimension.name = absl::StrCat(slot.name, ".prompt");
    dimension.choices = 1;
    dimension.made_from = {0};
    slot.prompt = AddDimension(std::move(dimension), 0);
  }
}

void Space::AddModel(Slot& slot, const v1::Agent& agent, const Dimension& like) {
  if (!options_.models) return;
  std::vector<std::string> models = {agent.model()};
  for (const ModelChoice& choice : options_.offered) {
    if (std::find(models.begin(), models.end(), choice.id) == models.end()) {
      models.push_back(choice.id);
    }
  }
  if (models.size() < 2) return;
  Dimension dimension = like;
  dimension.name = absl::StrCat(slot.name, ".model");
  dimension.choices = models.size();
  slot.model = AddDimension(std::move(dimension), 0);
  words_[*slot.model] = std::move(models);
}

void Space::AddEffort(Slot& slot, const v1::Agent& agent, const Dimension& like) {
  if (!options_.efforts) return;
  std::vector<std::string> efforts = {agent.reasoning_effort()};
  for (const char* effort : {"none", "low", "medium", "high"}) {
    const auto takes = [&](const ModelChoice& choice) {
      return std::find(choice.efforts.begin(), choice.efforts.end(), effort) !=
             choice.efforts.end();
    };
    const bool taken = std::any_of(options_.offered.begin(), options_.offered.end(), takes);
    if (taken && efforts[0] != effort) efforts.emplace_back(effort);
  }
  if (efforts.size() < 2) return;
  Dimension dimension = like;
  dimension.name = absl::StrCat(slot.name, ".reasoning_effort");
  dimension.choices = efforts.size();
  slot.effort = AddDimension(std::move(dimension), 0);
  words_[*slot.effort] = std::move(efforts);
}

void Space::AddCycles(int layer) {
  cycles_.emplace_back();
  const uint32_t base = std::max(1u, base_.layers(layer).cycles());
  if (!options_.cycles || std::max(options_.cycles_max, base) < 2) return;
  Dimension dimension{.name = absl::StrCat("layer ", layer + 1, ".cycles"),
                      .choices = std::max(options_.cycles_max, base)};
  bool all_gated = true;
  for (const Slot& slot : slots_) {
    if (slot.layer != layer) continue;
    if (slot.on) dimension.gates.push_back(*slot.on);
    all_gated = all_gated && slot.on.has_value();
  }
  if (!all_gated) dimension.gates.clear();
  cycles_.back() = AddDimension(std::move(dimension), base - 1);
}

const v1::Agent& Space::AgentOf(const Slot& slot) const {
  return slot.layer < 0 ? base_.aggregator() : base_.layers(slot.layer).agents(slot.agent);
}

const Space::Slot* Space::FindSlot(absl::string_view name) const {
  for (const Slot& slot : slots_) {
    if (slot.name == name) return &slot;
  }
  return nullptr;
}

bool Space::IsBase(const Point& point, size_t dimension) const {
  return point[dimension] == base_point_[dimension];
}

bool Space::Takes(const std::string& model, const std::string& effort) const {
  for (const ModelChoice& choice : options_.offered) {
    if (choice.id != model || choice.efforts.empty()) continue;
    return std::find(choice.efforts.begin(), choice.efforts.end(), effort) != choice.efforts.end();
  }
  return true;
}

void Space::ApplySlot(const Slot& slot, const Point& point, v1::Agent& agent) const {
  if (slot.model && !IsBase(point, *slot.model)) {
    agent.set_model(words_[*slot.model][ChoiceAt(point, *slot.model)]);
    auto* fallbacks = agent.mutable_fallback_models();
    fallbacks->erase(std::remove(fallbacks->begin(), fallbacks->end(), agent.model()),
                     fallbacks->end());
  }
  if (slot.temperature && !IsBase(point, *slot.temperature)) {
    agent.set_temperature(point[*slot.temperature]);
  }
  if (slot.samples && !IsBase(point, *slot.samples)) {
    agent.set_samples(static_cast<uint32_t>(ChoiceAt(point, *slot.samples)) + 1);
  }
  if (slot.effort && !IsBase(point, *slot.effort)) {
    agent.set_reasoning_effort(words_[*slot.effort][ChoiceAt(point, *slot.effort)]);
  }
  const bool changed = agent.model() != AgentOf(slot).model() || slot.effort;
  if (changed && !agent.reasoning_effort().empty() &&
      !Takes(agent.model(), agent.reasoning_effort())) {
    agent.clear_reasoning_effort();
  }
  if (slot.prompt && !IsBase(point, *slot.prompt)) {
    agent.set_system_prompt(slot.prompts[ChoiceAt(point, *slot.prompt)]);
  }
}

v1::Moa Space::Apply(const Point& point) const {
  v1::Moa moa = base_;
  std::set<int> resized;
  for (const Slot& slot : slots_) {
    if (slot.samples && !IsBase(point, *slot.samples)) resized.insert(slot.layer);
    ApplySlot(slot, point,
              slot.layer < 0 ? *moa.mutable_aggregator()
                             : *moa.mutable_layers(slot.layer)->mutable_agents(slot.agent));
  }
  if (base_.best_answer()) moa.clear_aggregator();
  for (int layer = 0; layer < moa.layers_size(); ++layer) {
    const std::optional<size_t>& cycles = cycles_[static_cast<size_t>(layer)];
    if (cycles && !IsBase(point, *cycles)) {
      moa.mutable_layers(layer)->set_cycles(static_cast<uint32_t>(ChoiceAt(point, *cycles)) + 1);
    }
    if (resized.contains(layer)) FitLimits(*moa.mutable_layers(layer));
  }
  // From the back: what stands before keeps its place.
  for (auto slot = slots_.rbegin(); slot != slots_.rend(); ++slot) {
    if (slot->on && ChoiceAt(point, *slot->on) == 0) LeaveOut(moa, slot->layer, slot->agent);
  }
  return moa;
}

std::string Space::KeyOf(const Point& point) const {
  return Sha256Hex(MoaJson(Apply(point))).substr(0, kKeyDigits);
}

std::string Space::ValueText(const Point& point, size_t dimension) const {
  const Dimension& of = dimensions_[dimension];
  if (!of.is_choice()) return absl::StrCat(point[dimension]);
  const size_t choice = ChoiceAt(point, dimension);
  if (!words_[dimension].empty()) return words_[dimension][choice];
  if (absl::EndsWith(of.name, ".on")) return choice == 1 ? "yes" : "no";
  // Samples and cycles count from 1, prompts from the base's 0.
  return absl::StrCat(absl::EndsWith(of.name, ".prompt") ? choice : choice + 1);
}

std::map<std::string, std::string> Space::Describe(const Point& point) const {
  std::map<std::string, std::string> values;
  for (size_t d = 0; d < dimensions_.size(); ++d) {
    if (dimensions_[d].choices != 1 && Matters(dimensions_, point, d)) {
      values[dimensions_[d].name] = ValueText(point, d);
    }
  }
  return values;
}

bool Space::HasAgent(const Point& point) const {
  bool layers = false;
  for (const Slot& slot : slots_) {
    if (slot.layer < 0) continue;
    layers = true;
    if (!slot.on || ChoiceAt(point, *slot.on) == 1) return true;
  }
  return !layers;  // a plain call has none to begin with
}

std::vector<size_t> Space::Droppable(const Point& point) const {
  std::vector<size_t> droppable;
  size_t running = 0;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[i];
    if (slot.layer < 0 || (slot.on && ChoiceAt(point, *slot.on) == 0)) continue;
    ++running;
    if (slot.on) droppable.push_back(i);
  }
  return running > 1 ? droppable : std::vector<size_t>();
}

Point Space::Without(Point point, size_t slot) const {
  point[*slots_[slot].on] = 0;
  return point;
}

absl::StatusOr<Space::Rewritten> Space::Rewrite(Point point, absl::string_view agent,
                                                const std::string& prompt) {
  const auto refused = [&](auto... why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", agent, "\": ", why...));
  };
  const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                 [&](const Slot& each) { return each.name == agent; });
  if (slot == slots_.end()) return refused("there is no such agent");
  if (!slot->prompt) return refused("its prompt stays as it is");
  const auto known = std::find(slot->prompts.begin(), slot->prompts.end(), prompt);
  const auto number = static_cast<size_t>(known - slot->prompts.begin());
  const bool added = known == slot->prompts.end();
  if (added) {
    if (prompt.empty()) return refused("the prompt is empty");
    if (prompt.size() > options_.prompt_bytes_max) {
      return refused("the prompt has ", prompt.size(), " bytes; at most ",
                     options_.prompt_bytes_max, " are allowed");
    }
    if (absl::StrContains(slot->prompts[0], kToken) && !absl::StrContains(prompt, kToken)) {
      return refused("the prompt lacks ", kToken);
    }
    if (slot->prompts.size() >= options_.prompts_max) {
      return refused("it has ", slot->prompts.size(), " prompts already");
    }
    slot->prompts.push_back(prompt);
    Dimension& dimension = dimensions_[*slot->prompt];
    dimension.choices = slot->prompts.size();
    dimension.made_from.push_back(ChoiceAt(point, *slot->prompt));
  }
  point[*slot->prompt] = static_cast<double>(number);
  return Rewritten{std::move(point), number, added};
}

}  // namespace moa
