#include "common/metrics/build_info.h"

#include <prometheus/gauge.h>

namespace moa {

void AddBuildInfo(prometheus::Registry& registry, const std::string& program,
                  const std::string& version) {
  prometheus::BuildGauge()
      .Name("moa_build_info")
      .Help("The value is always 1; the labels say which program of which version runs.")
      .Register(registry)
      .Add({{"program", program}, {"version", version}})
      .Set(1);
}

}  // namespace moa
