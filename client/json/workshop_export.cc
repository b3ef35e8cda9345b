#include "client/json/workshop_export.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace moa {
namespace {

constexpr absl::string_view kHelperResponse = "{helper_response}";

// Why something is left out.
constexpr absl::string_view kNoPlace = "is left out: the app's file has no place for it";
constexpr absl::string_view kNoAgentField =
    "is left out: an export has a model, a temperature and a prompt";
constexpr absl::string_view kAllRun = "is left out: in the app all agents run to their end";

class WorkshopWriter {
 public:
  WorkshopWriter(const v1::JobSpec& job, absl::string_view exported_at)
      : job_(job), moa_(job.moa()), exported_at_(exported_at) {}

  WorkshopExport Write() {
    if (HasShape()) {
      NoteJob();
      NoteReferences();
      if (HasLayer()) NoteLayer(moa_.layers(0));
      WriteFile();
      out_.json = absl::StrCat(buffer_.GetString(), "\n");
    }
    return std::move(out_);
  }

 private:
  void Note(std::string path, std::string message) {
    out_.notes.Add({.path = std::move(path), .message = std::move(message)});
  }
  void NoteIf(bool given, std::string path, absl::string_view message) {
    if (given) Note(std::move(path), std::string(message));
  }

  bool HasLayer() const { return moa_.layers_size() > 0 && moa_.layers(0).agents_size() > 0; }

  // The rest is said once this is right: one thing after the other.
  bool HasShape() {
    NoteIf(!job_.preset().empty(), "preset",
           "the app has no presets: the preset's MoA has to be in the job itself");
    NoteIf(job_.preset().empty() && !job_.has_moa(), "moa", "is missing");
    NoteIf(moa_.best_answer(), "moa.answer", "in the app the main model always answers");
    NoteIf(moa_.layers_size() > 1, "moa.layers[1]",
           "the app has one layer, which its cycles repeat");
    return out_.notes.empty();
  }

  void NoteJob() {
    NoteIf(!job_.tools().empty(), "tools", kNoPlace);
    NoteIf(job_.has_deadline(), "deadline", kNoPlace);
    NoteIf(job_.has_budget(), "budget", kNoPlace);
    NoteIf(job_.has_seed(), "seed", kNoPlace);
    NoteIf(!job_.messages().empty(), job_.messages_size() == 1 ? "prompt" : "messages",
           "is left out: the app asks for the question");
  }

  void NoteReferences() {
    if (!HasLayer()) return;
    const v1::References& given = moa_.references();
    const bool from_zero = given.has_first_number() && given.first_number() == 0;
    NoteIf(!from_zero, "moa.references.first_number", "the app numbers answers from 0");
    NoteIf(given.shuffle(), "moa.references.shuffle", "the app keeps the order of the agents");
    NoteIf(given.has_drop_similar(), "moa.references.drop_similar", "the app hands on all answers");
    NoteIf(!given.template_().empty(), "moa.references.template",
           "is left out: an export has no wording for the answers");
  }

  void NoteLayer(const v1::Layer& layer) {
    NoteIf(layer.has_quorum(), "moa.layers[0].quorum", kAllRun);
    NoteIf(layer.has_enough(), "moa.layers[0].enough", kAllRun);
    NoteIf(layer.has_route(), "moa.layers[0].route", kAllRun);
    NoteIf(layer.has_vote(), "moa.layers[0].vote", "is left out: the app hands on all answers");
    NoteIf(layer.has_early_exit(), "moa.layers[0].early_exit", kAllRun);
    NoteIf(layer.has_critique(), "moa.layers[0].critique", "is left out: the app has no critics");
  }

  void NoteAgent(const v1::Agent& agent, const std::string& path) {
    NoteIf(!agent.has_temperature(), path + ".temperature",
           "is not said: the app takes one of its own");
    NoteIf(agent.has_top_p(), path + ".top_p", kNoAgentField);
    NoteIf(agent.has_max_completion_tokens(), path + ".max_completion_tokens", kNoAgentField);
    NoteIf(agent.has_seed(), path + ".seed", kNoAgentField);
    NoteIf(!agent.stop().empty(), path + ".stop", kNoAgentField);
    NoteIf(!agent.reasoning_effort().empty(), path + ".reasoning_effort", kNoAgentField);
    NoteIf(agent.has_frequency_penalty(), path + ".frequency_penalty", kNoAgentField);
    NoteIf(agent.has_presence_penalty(), path + ".presence_penalty", kNoAgentField);
    NoteIf(!agent.fallback_models().empty(), path + ".fallback_models", kNoAgentField);
    NoteIf(agent.has_response_format(), path + ".response_format", kNoAgentField);
    NoteIf(!agent.description().empty(), path + ".description", kNoAgentField);
    NoteIf(agent.sees() == v1::Agent::DEALT, path + ".sees",
           "in the app every agent sees all answers");
  }

  // The app replaces the token in every prompt and puts answers nowhere else.
  std::string PromptOf(const v1::Agent& agent, bool gets_references, const std::string& path) {
    std::string prompt = RepairUtf8(agent.system_prompt());
    const bool has_token = absl::StrContains(prompt, kHelperResponse);
    const auto placement = moa_.references().placement();
    const bool sees = gets_references && agent.sees() != v1::Agent::NONE;
    if (has_token) {
      NoteIf(!sees || placement == v1::References::TRAILING, path + ".system_prompt",
             "the app puts answers in the place of {helper_response}; here it is text");
    } else if (sees && placement != v1::References::SYSTEM) {
      absl::StrAppend(&prompt, prompt.empty() ? "" : "\n\n", kHelperResponse);
      Note(path + ".system_prompt",
           "gets {helper_response} at its end: the app has no other place for answers");
    }
    return prompt;
  }

  void Text(const char* key, absl::string_view text) {
    writer_.Key(key);
    const std::string repaired = RepairUtf8(text);
    writer_.String(repaired.data(), static_cast<rapidjson::SizeType>(repaired.size()));
  }

  // Samples are agents of their own there, and so are their names.
  void WriteAgents(const v1::Layer& layer) {
    std::set<std::string> taken;
    for (const v1::Agent& agent : layer.agents()) taken.insert(agent.name());
    for (int i = 0; i < layer.agents_size(); ++i) {
      const v1::Agent& agent = layer.agents(i);
      const std::string path = absl::StrCat("moa.layers[0].agents[", i, "]");
      NoteAgent(agent, path);
      const std::string prompt = PromptOf(agent, layer.cycles() > 1, path);
      NoteIf(agent.samples() > 1, path + ".samples", "each sample becomes an agent of its own");
      std::string name = agent.name();
      for (uint32_t sample = 1; sample <= std::max(1U, agent.samples()); ++sample) {
        for (uint32_t k = sample; sample > 1 && !taken.insert(name).second; ++k) {
          name = absl::StrCat(agent.name(), " ", k);
        }
        writer_.StartObject();
        Text("name", name);
        Text("model", agent.model());
        WriteTemperature("temperature", agent);
        Text("prompt", prompt);
        writer_.EndObject();
      }
    }
  }

  void WriteTemperature(const char* key, const v1::Agent& agent) {
    if (!agent.has_temperature()) return;
    writer_.Key(key);
    writer_.Double(agent.temperature());
  }

  void WriteFile() {
    const v1::Agent& main = moa_.aggregator();
    NoteAgent(main, "moa.aggregator");
    const std::string prompt = PromptOf(main, HasLayer(), "moa.aggregator");
    writer_.SetIndent(' ', 2);
    writer_.StartObject();
    writer_.Key("ai_configuration");
    writer_.StartObject();
    Text("main_model", main.model());
    WriteTemperature("main_temperature", main);
    writer_.Key("cycles");
    writer_.Uint(HasLayer() ? std::max(1U, moa_.layers(0).cycles()) : 1);
    Text("system_prompt", prompt);
    writer_.Key("layer_agents");
    writer_.StartArray();
    if (HasLayer()) WriteAgents(moa_.layers(0));
    writer_.EndArray();
    writer_.EndObject();
    if (!exported_at_.empty()) Text("exported_at", exported_at_);
    Text("version", "2.0");
    if (!job_.name().empty()) Text("description", job_.name());
    writer_.EndObject();
  }

  const v1::JobSpec& job_;
  const v1::Moa& moa_;
  const absl::string_view exported_at_;
  WorkshopExport out_;
  rapidjson::StringBuffer buffer_;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer_{buffer_};
};

}  // namespace

WorkshopExport ExportWorkshop(const v1::JobSpec& job, absl::string_view exported_at) {
  return WorkshopWriter(job, exported_at).Write();
}

}  // namespace moa
