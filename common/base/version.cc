#include "common/base/version.h"

namespace moa {

const char* MoaVersion() { return MOA_VERSION; }

}  // namespace moa
