#pragma once

#include <simdjson.h>

#include <string>

#include "absl/strings/string_view.h"
#include "simulator/digest.h"

namespace moa::simulator {

// The part of JSON Schema that structured outputs and tool arguments need.

// What the service would refuse in a schema with strict=true (CEREBRAS_API.md, section 2):
// unsupported keywords, objects without additionalProperties:false, a root that is no object, too
// deep. Empty: fine.
std::string StrictSchemaMistake(const simdjson::dom::element& schema);

// A small JSON text that is valid for `schema` (JSON; empty: any object): every property present,
// one item an array, the first choice of an enum picked by `random`. The first free string is
// `text`, so that what a reply proves is in it; `*text_used` tells whether there was one.
std::string JsonForSchema(absl::string_view schema, absl::string_view text, Random& random,
                          bool* text_used);

}  // namespace moa::simulator
