#pragma once

#include <cstddef>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace moa::upstream {

// Splits a stream of server-sent events (WHATWG HTML, section 9.2) into events, whatever the
// segments in which its bytes arrive: cut inside a line, a CR LF or a UTF-8 sequence. Takes LF, CR
// LF and CR, comments, several data lines, a byte order mark. `id` and `retry` are read over.
//
// Pure; externally synchronised. Holds at most one event's bytes.
class SseParser {
 public:
  struct Event {
    absl::string_view type;  // of the `event` field; usually empty
    absl::string_view data;  // data lines, joined by LF
  };
  // The views are valid during the call only.
  using Handler = absl::FunctionRef<void(const Event&)>;

  // `event_bytes_max` bounds a line and an event's data: prevents a provider that never ends a line
  // from filling the memory.
  explicit SseParser(size_t event_bytes_max) : event_bytes_max_(event_bytes_max) {}

  // Hands the events that end in `bytes` to `handler`. kResourceExhausted when one is longer than
  // the limit: give the stream up (Feed does nothing from then on).
  absl::Status Feed(absl::string_view bytes, Handler handler);

  // The stream has ended. Hands out what lacks only its blank line, or even its line end: some
  // servers end so. It may be half an event: the caller judges.
  absl::Status Finish(Handler handler);

  // Ready for another stream; keeps the buffers.
  void Reset();

 private:
  void TakeLine(absl::string_view line, Handler handler);
  void AddData(absl::string_view value);
  bool TooLong(size_t bytes);

  const size_t event_bytes_max_;
  std::string line_;  // the start of a line whose end has not come
  std::string type_;
  std::string data_;             // of the event that has begun, unless it is in data_view_
  absl::string_view data_view_;  // its only data line so far, inside the segment being fed
  bool has_data_ = false;
  bool at_start_ = true;  // nothing but a byte order mark may have come
  bool skip_lf_ = false;  // the last byte was a CR that ended a line
  bool failed_ = false;
};

}  // namespace moa::upstream
