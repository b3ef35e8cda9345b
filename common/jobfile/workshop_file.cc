#include "common/jobfile/workshop_file.h"

#include <initializer_list>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/document/field.h"
#include "common/jobfile/conversation_fields.h"
#include "common/jobfile/workshop_agents.h"
#include "common/jobfile/workshop_settings.h"

namespace moa {
namespace {

constexpr absl::string_view kHelperResponse = "{helper_response}";
constexpr absl::string_view kResponses = "{responses}";
constexpr uint64_t kCyclesMax = 64;

bool HasOne(const Node& mapping, std::initializer_list<absl::string_view> keys) {
  for (const absl::string_view key : keys) {
    if (mapping.Find(key) != nullptr) return true;
  }
  return false;
}

class WorkshopReader {
 public:
  explicit WorkshopReader(const Field& root) : root_(root), top_(root) {}

  WorkshopJob Read() {
    ReadAbout();
    const Field deterministic = top_["deterministic_settings"];
    Mapping settings(deterministic);
    defaults_ = ReadWorkshopSampling(settings, notes_);
    notes_.WarnOfUnknown(settings);
    const bool exported = root_.node().Find("ai_configuration") != nullptr;
    if (exported || HasOne(root_.node(), {"main_config", "layer_config"})) {
      ReadConversation(top_, job_.spec);
      Mapping config(top_.Required(exported ? "ai_configuration" : "main_config"));
      ReadConfiguration(config);
      notes_.WarnOfUnknown(config);
    } else {
      ReadConfiguration(top_);
    }
    notes_.WarnOfUnknown(top_);
    notes_.warnings.SortByLine();
    job_.warnings = std::move(notes_.warnings);
    job_.origins = std::move(notes_.origins);
    return std::move(job_);
  }

 private:
  // What an export says of itself.
  void ReadAbout() {
    top_["exported_at"];
    top_["description"];
    const Field version = top_["version"];
    if (!version.present()) return;
    const std::string& text = version.node().text;
    if (text != "1.2" && text != "2.0") {
      notes_.Warn(version, "is neither 1.2 nor 2.0; the file is read as 2.0");
    }
  }

  void ReadConfiguration(Mapping& config) {
    if (!config.present()) return;
    const std::vector<WorkshopAgent> agents = ReadWorkshopAgents(AgentsField(config), notes_);
    const uint32_t cycles = ReadCycles(config, !agents.empty());
    v1::Moa& moa = *job_.spec.mutable_moa();
    ReadReferences(config, *moa.mutable_references());
    if (!agents.empty()) {
      v1::Layer& layer = *moa.add_layers();
      layer.set_cycles(cycles);
      for (const WorkshopAgent& agent : agents) {
        const std::string path = absl::StrCat("moa.layers[0].agents[", layer.agents_size(), "]");
        ReadAgent(agent, cycles > 1, path, *layer.add_agents());
      }
    }
    ReadMain(config, !agents.empty(), *moa.mutable_aggregator());
  }

  Field AgentsField(Mapping& config) {
    Field agents = top_["layer_config"];
    Field inner =
        ReadAlias(config, {"layer_agents", "layer_agent_config", "layers", "agents"}, notes_);
    if (agents.present() && inner.present()) {
      notes_.Warn(inner,
                  "is ignored: it means the same as layer_config, which is given too and holds");
    }
    if (!agents.present()) agents = std::move(inner);
    if (agents.present()) notes_.Keep("moa.layers", agents);
    return agents;
  }

  uint32_t ReadCycles(Mapping& config, bool has_agents) {
    Field cycles = config["cycles"];
    if (!cycles.present()) cycles = top_["cycles"];
    if (!cycles.present() && has_agents) notes_.Warn(cycles, "is missing; one cycle is run");
    if (cycles.present()) notes_.Keep("moa.layers[0].cycles", cycles);
    return static_cast<uint32_t>(cycles.Unsigned(1, kCyclesMax).value_or(1));
  }

  void ReadReferences(Mapping& config, v1::References& references) {
    references.set_placement(v1::References::SYSTEM);
    references.set_first_number(0);
    const Field wrapper = config["reference_system_prompt"];
    std::string text = wrapper.String().value_or("");
    if (text.empty()) return;
    if (!absl::StrContains(text, kResponses)) {
      notes_.Warn(wrapper, absl::StrCat("lacks ", kResponses, ": the answers are put at its end"));
      absl::StrAppend(&text, "\n", kResponses);
    }
    notes_.Keep("moa.references.template", wrapper);
    references.set_template_(std::move(text));
  }

  void ReadAgent(const WorkshopAgent& source, bool gets_references, const std::string& path,
                 v1::Agent& agent) {
    Mapping m(source.fields);
    notes_.Keep(path, source.fields);
    notes_.Keep(path + ".name", source.name_at);
    agent.set_name(source.name);
    m["name"];
    const Field model = ReadAlias(m, {"model_name", "model"}, notes_);
    ReadModel(m, model, "model", path, agent);
    ReadPrompt(m, gets_references, "this agent never sees the answers of the cycle before", path,
               agent);
    ApplySampling(ReadWorkshopSampling(m, notes_), defaults_, path, notes_, agent);
    notes_.WarnOfUnknown(m);
  }

  void ReadMain(Mapping& config, bool gets_references, v1::Agent& main) {
    const std::string path = "moa.aggregator";
    notes_.Keep(path, config.field());
    main.set_name("main");
    const Field model = ReadAlias(config, {"main_model", "model", "primary_model", "main"}, notes_);
    ReadModel(config, model, "main_model", path, main);
    ReadPrompt(config, gets_references, "the main model never sees what the agents answered", path,
               main);
    ApplySampling(ReadWorkshopSampling(config, notes_), defaults_, path, notes_, main);
  }

  void ReadModel(Mapping& m, const Field& field, absl::string_view name, const std::string& path,
                 v1::Agent& agent) {
    if (m.present() && !field.present()) m[name].Report("is missing");
    if (auto v = field.String()) agent.set_model(*v);
    if (field.present()) notes_.Keep(path + ".model", field);
  }

  // `loss`: what it means that there is no place for the answers.
  void ReadPrompt(Mapping& m, bool gets_references, absl::string_view loss, const std::string& path,
                  v1::Agent& agent) {
    const Field field = ReadAlias(m, {"system_prompt", "prompt", "system"}, notes_);
    std::string text = field.String().value_or("");
    if (field.present()) notes_.Keep(path + ".system_prompt", field);
    if (gets_references && m.present() && text.empty()) {
      notes_.Warn(field, absl::StrCat("is missing or empty; ", kHelperResponse, " stands for it"));
      text = std::string(kHelperResponse);
    } else if (gets_references && m.present() && !absl::StrContains(text, kHelperResponse)) {
      notes_.Warn(field, absl::StrCat("lacks ", kHelperResponse, ": ", loss));
    }
    agent.set_system_prompt(std::move(text));
  }

  const Field root_;
  Mapping top_;
  WorkshopJob job_;
  WorkshopNotes notes_;
  WorkshopSampling defaults_;
};

}  // namespace

bool IsWorkshopFile(const Document& document) {
  const Node& root = document.root;
  if (root.kind != NodeKind::kMapping) return false;
  if (HasOne(root, {"moa", "preset", "aggregator"})) return false;
  if (HasOne(root, {"ai_configuration", "main_config", "layer_config"})) return true;
  if (HasOne(root, {"messages", "answer"})) return false;
  if (HasOne(root, {"main_model", "primary_model", "main", "model", "layer_agent_config",
                    "layer_agents", "reference_system_prompt"})) {
    return true;
  }
  for (const char* key : {"layers", "agents"}) {
    const Node* agents = root.Find(key);
    if (agents != nullptr && agents->kind == NodeKind::kMapping) return true;
  }
  return false;
}

WorkshopJob ReadWorkshopFile(const Document& document, Problems& problems) {
  if (document.root.kind != NodeKind::kMapping) {
    Mapping reports_it(Field::Root(document, problems));
    return {};
  }
  return WorkshopReader(Field::Root(document, problems)).Read();
}

}  // namespace moa
