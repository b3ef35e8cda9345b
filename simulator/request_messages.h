#pragma once

#include <simdjson.h>

#include <vector>

#include "simulator/chat_request.h"
#include "simulator/field_rules.h"

namespace moa::simulator {

// Reads the `messages` of a chat request: fields by role, content as text or parts, and API v2's
// rules: assistant tool calls are followed at once by one tool message for each id, ids are unique,
// no tool message stands alone.
void ReadMessages(const simdjson::dom::array& items, std::vector<ChatMessage>& messages,
                  Mistakes& mistakes);

}  // namespace moa::simulator
