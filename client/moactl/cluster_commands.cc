#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/json/json_output.h"
#include "client/json/moa_json.h"
#include "client/moactl/commands.h"
#include "common/base/display_text.h"

namespace moa {
namespace {

std::string CountOrUnknown(uint32_t count) { return count == 0 ? "-" : WithThousands(count); }

// "low medium* high": the star marks what the provider does where a call says nothing.
std::string Efforts(const v1::Model& model) {
  if (model.reasoning_efforts().empty()) return "-";
  return absl::StrJoin(
      model.reasoning_efforts(), " ", [&](std::string* out, const std::string& effort) {
        absl::StrAppend(out, effort, effort == model.default_reasoning_effort() ? "*" : "");
      });
}

// At most: with every round that critics may ask for.
uint64_t CallsOf(const v1::Moa& moa) {
  uint64_t calls = moa.best_answer() ? 0 : 1;
  for (const v1::Layer& layer : moa.layers()) {
    std::vector<uint64_t> samples;
    for (const v1::Agent& agent : layer.agents()) samples.push_back(std::max(1u, agent.samples()));
    if (layer.has_route()) {
      ++calls;
      std::sort(samples.rbegin(), samples.rend());
      samples.resize(std::min<size_t>(samples.size(), layer.route().top()));
    }
    uint64_t answers = 0;
    for (const uint64_t count : samples) answers += count;
    const v1::Critique& critique = layer.critique();
    const bool each = critique.scope() == v1::Critique::EACH;
    const uint64_t verdicts = static_cast<uint64_t>(critique.critics_size()) * (each ? answers : 1);
    calls += (answers + verdicts) * std::max(1u, critique.rounds()) * std::max(1u, layer.cycles());
  }
  return calls;
}

int ShowPreset(const CommandContext& context, const std::vector<v1::Preset>& presets) {
  const std::string& name = context.invocation.preset;
  for (const v1::Preset& preset : presets) {
    if (preset.name() != name) continue;
    if (context.invocation.json) {
      context.console.Json(PresetsJson({preset}));
      return kExitOk;
    }
    context.console.Answer(absl::StrCat("# ", OneLine(preset.name()), ": ",
                                        OneLine(preset.description()), "\n",
                                        MoaYaml(preset.moa())));
    return kExitOk;
  }
  context.console.Complain(
      absl::StrCat("there is no preset ", OneLine(name), "; moactl presets lists those there are"));
  return kExitUsage;
}

}  // namespace

int RunWorkers(const CommandContext& context) {
  const auto workers = context.client.Workers();
  if (!workers.ok()) return Fail(context, workers.status());
  if (context.invocation.json) {
    context.console.Json(WorkersJson(*workers));
    return kExitOk;
  }
  TextTable table({1, 2, 3});
  table.Add({{"WORKER"},
             {"SLOTS"},
             {"IN USE"},
             {"GRADING"},
             {"CONNECTED"},
             {"STATE"},
             {"VERSION"},
             {"KEY"},
             {"MODELS"}});
  for (const v1::Worker& worker : *workers) {
    table.Add({{OneLine(worker.name().empty() ? worker.worker_id() : worker.name())},
               {absl::StrCat(worker.slots())},
               {absl::StrCat(worker.slots_used())},
               {worker.grading_slots() == 0
                    ? "-"
                    : absl::StrCat(worker.grading_slots_used(), "/", worker.grading_slots())},
               {ShortDuration(absl::Microseconds(worker.connected_us()))},
               {worker.draining() ? "draining" : "ready",
                worker.draining() ? Style::kYellow : Style::kGreen},
               {OneLine(worker.version())},
               {OneLine(worker.key_fingerprint())},
               {OneLine(absl::StrJoin(worker.models(), " "))}});
  }
  context.console.Out(table.Lines());
  return kExitOk;
}

int RunModels(const CommandContext& context) {
  const auto models = context.client.Models();
  if (!models.ok()) return Fail(context, models.status());
  if (context.invocation.json) {
    context.console.Json(ModelsJson(*models));
    return kExitOk;
  }
  TextTable table({1, 2, 3, 4, 5, 7});
  table.Add({{"MODEL"},
             {"CONTEXT"},
             {"OUTPUT MAX"},
             {"$/M IN"},
             {"$/M OUT"},
             {"TOKENS/S"},
             {"REASONING"},
             {"WORKERS"},
             {"ALIASES"}});
  for (const v1::Model& model : *models) {
    table.Add({{OneLine(model.id())},
               {CountOrUnknown(model.context_tokens())},
               {CountOrUnknown(model.max_completion_tokens())},
               {absl::StrFormat("%.2f", model.usd_per_million_prompt_tokens())},
               {absl::StrFormat("%.2f", model.usd_per_million_completion_tokens())},
               {CountOrUnknown(static_cast<uint32_t>(model.tokens_per_second()))},
               {OneLine(Efforts(model))},
               {absl::StrCat(model.workers())},
               {OneLine(absl::StrJoin(model.aliases(), " "))}});
  }
  context.console.Out(table.Lines());
  return kExitOk;
}

int RunPresets(const CommandContext& context) {
  const auto presets = context.client.Presets();
  if (!presets.ok()) return Fail(context, presets.status());
  if (!context.invocation.preset.empty()) return ShowPreset(context, *presets);
  if (context.invocation.json) {
    context.console.Json(PresetsJson(*presets));
    return kExitOk;
  }
  TextTable table({1});
  table.Add({{"PRESET"}, {"CALLS"}, {"WHAT IT DOES"}});
  for (const v1::Preset& preset : *presets) {
    table.Add({{OneLine(preset.name())},
               {absl::StrCat(CallsOf(preset.moa()))},
               {OneLine(preset.description())}});
  }
  context.console.Out(table.Lines());
  return kExitOk;
}

int RunHealth(const CommandContext& context) {
  const absl::Status status = context.client.Health();
  if (!status.ok()) return Fail(context, status);
  const std::string& address = context.invocation.client.address;
  if (context.invocation.json) {
    context.console.Json(HealthJson(address));
  } else {
    context.console.Out(
        {{{absl::StrCat("coordinator ", address, " is ")}, {"serving", Style::kGreen}}});
  }
  return kExitOk;
}

}  // namespace moa
