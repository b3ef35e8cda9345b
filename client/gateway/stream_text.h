#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "moa/v1/moa.pb.h"

namespace moa::gateway {

// A comment line, which clients pass over.
inline constexpr char kKeepAliveComment[] = ": keep-alive\n\n";

// An event of a stream as it goes over the wire: "data: …", with its name in front where it has one.
std::string ServerSentEvent(absl::string_view data, absl::string_view name = "");

// The data of an event `moa.task`: a task that started or ended. Empty: the update is about something else.
std::string TaskEventJson(const v1::WatchUpdate& update);

}  // namespace moa::gateway
