#pragma once

#include <vector>

#include "common/document/embedded_file.h"

namespace moa {

// The files of common/jobfile/presets, by name. Defined in a file that the build makes.
const std::vector<EmbeddedFile>& EmbeddedPresets();

}  // namespace moa
