#include "worker/upstream/json_writer.h"

#include <simdjson.h>

#include "common/base/text.h"

namespace moa::upstream {

void JsonWriter::String(absl::string_view text) {
  if (simdjson::validate_utf8(text.data(), text.size())) {
    writer_.String(text.data(), Size(text));
    return;
  }
  const std::string repaired = RepairUtf8(text);
  writer_.String(repaired.data(), Size(repaired));
}

}  // namespace moa::upstream
