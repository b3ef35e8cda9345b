#pragma once

#include <prometheus/registry.h>

#include <string>

#include "common/base/version.h"

namespace moa {

// moa_build_info{program, version}, always 1: every program has it, so that a dashboard can tell who runs what.
void AddBuildInfo(prometheus::Registry& registry, const std::string& program,
                  const std::string& version = MoaVersion());

}  // namespace moa
