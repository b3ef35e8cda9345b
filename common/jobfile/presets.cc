#include "common/jobfile/presets.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "common/base/check.h"
#include "common/document/document.h"
#include "common/jobfile/embedded_presets.h"
#include "common/jobfile/moa_fields.h"

namespace moa {
namespace {

std::vector<v1::Preset> ReadEmbedded() {
  std::vector<v1::Preset> all;
  for (const EmbeddedFile& file : EmbeddedPresets()) {
    Problems problems;
    const std::optional<Document> document = ReadYaml(file.text, file.name, problems);
    MOA_CHECK(document.has_value());
    for (v1::Preset& preset : ReadPresets(Field::Root(*document, problems))) {
      all.push_back(std::move(preset));
    }
    // The files are part of the program, and a test reads them.
    MOA_CHECK(problems.empty());
  }
  return all;
}

}  // namespace

const std::vector<v1::Preset>& ShippedPresets() {
  static const auto* const presets = new std::vector<v1::Preset>(ReadEmbedded());
  return *presets;
}

std::vector<v1::Preset> ReadPresets(const Field& list) {
  std::vector<v1::Preset> presets;
  std::set<std::string> names;
  for (const Field& item : list.Items()) {
    presets.push_back(ReadPreset(item));
    const std::string& name = presets.back().name();
    if (!name.empty() && !names.insert(name).second) {
      item.Report("another preset of the list has the same name");
    }
  }
  return presets;
}

}  // namespace moa
