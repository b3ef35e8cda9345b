#pragma once

namespace moa {

// The project's version as "0.1.0": what --version prints, what programs tell each other and the label
// of moa_build_info. Set by the build (CMakeLists.txt's project()).
const char* MoaVersion();

}  // namespace moa
