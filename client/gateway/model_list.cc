#include "client/gateway/model_list.h"

#include <algorithm>

#include "client/json/object_writer.h"

namespace moa::gateway {
namespace {

void WritePreset(const v1::Preset& preset, ObjectWriter& out) {
  out.BeginObject();
  out.Text("id", preset.name());
  out.Text("object", "model");
  out.Count("created", 0);
  out.Text("owned_by", "moa");
  out.Text("description", preset.description());
  out.EndObject();
}

void WriteModel(const v1::Model& model, ObjectWriter& out) {
  out.BeginObject();
  out.Text("id", model.id());
  out.Text("object", "model");
  out.Count("created", 0);
  out.Text("owned_by", "cerebras");
  out.EndObject();
}

}  // namespace

std::string ModelListJson(const std::vector<v1::Preset>& presets,
                          const v1::ListModelsResponse& models) {
  ObjectWriter out;
  out.BeginObject();
  out.Text("object", "list");
  out.BeginArray("data");
  for (const v1::Preset& preset : presets) WritePreset(preset, out);
  for (const v1::Model& model : models.models()) WriteModel(model, out);
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string ModelJson(absl::string_view id, const std::vector<v1::Preset>& presets,
                      const v1::ListModelsResponse& models) {
  ObjectWriter out;
  for (const v1::Preset& preset : presets) {
    if (preset.name() != id) continue;
    WritePreset(preset, out);
    return out.Take();
  }
  for (const v1::Model& model : models.models()) {
    const auto& aliases = model.aliases();
    if (model.id() != id && std::find(aliases.begin(), aliases.end(), id) == aliases.end()) {
      continue;
    }
    WriteModel(model, out);
    return out.Take();
  }
  return "";
}

}  // namespace moa::gateway
