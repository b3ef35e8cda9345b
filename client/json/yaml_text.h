#pragma once

#include <string>

#include "common/document/document.h"

namespace moa {

// The value as YAML that is read back as the same: mappings and lists in block style, a text of
// several lines as a block where that is possible. Ends with a line end. Pure.
std::string YamlText(const Node& node);

}  // namespace moa
