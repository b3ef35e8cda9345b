#pragma once

#include <vector>

#include "common/document/field.h"
#include "moa/v1/moa.pb.h"

namespace moa {

// The presets that come with the programs: the files of common/jobfile/presets, by name. Read once;
// the reference stays valid for the process's life. Thread-safe.
const std::vector<v1::Preset>& ShippedPresets();

// Reads a list of presets, `[{name, description, moa}, …]`, as a preset file or a coordinator's
// configuration holds it. Mistakes, duplicate names among them, are reported.
std::vector<v1::Preset> ReadPresets(const Field& list);

}  // namespace moa
