#pragma once

#include <vector>

#include "common/document/embedded_file.h"

namespace moa {

// The files of common/grading/graders, by name. Defined in a file that the build makes.
const std::vector<EmbeddedFile>& EmbeddedGraders();

}  // namespace moa
