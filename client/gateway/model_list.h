#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

// What a chat request can name as its model, in OpenAI's form: first the presets, then the models. Pure functions.

// {"object":"list","data":[…]}
std::string ModelListJson(const std::vector<v1::Preset>& presets,
                          const v1::ListModelsResponse& models);
// One of them; "" where there is none of that id. Aliases are found, too.
std::string ModelJson(absl::string_view id, const std::vector<v1::Preset>& presets,
                      const v1::ListModelsResponse& models);

}  // namespace moa::gateway
