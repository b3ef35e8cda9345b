#pragma once

#include <string>
#include <vector>

namespace moa {

struct EmbeddedFile {
  std::string name;  // "moa.yaml"
  std::string text;
};

// The files of common/jobfile/presets, by name. Defined in a file that the build makes.
const std::vector<EmbeddedFile>& EmbeddedPresets();

}  // namespace moa
