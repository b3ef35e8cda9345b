#include "worker/upstream/sse_parser.h"

#include <cstring>

#include "absl/strings/str_cat.h"

namespace moa::upstream {
namespace {

constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Where the first line end of `bytes` is; npos when there is none.
size_t FindLineEnd(absl::string_view bytes) {
  if (bytes.empty()) return absl::string_view::npos;
  const void* lf = std::memchr(bytes.data(), '\n', bytes.size());
  const size_t before = lf == nullptr
                            ? bytes.size()
                            : static_cast<size_t>(static_cast<const char*>(lf) - bytes.data());
  const void* cr = before == 0 ? nullptr : std::memchr(bytes.data(), '\r', before);
  if (cr != nullptr) return static_cast<size_t>(static_cast<const char*>(cr) - bytes.data());
  return lf == nullptr ? absl::string_view::npos : before;
}

}  // namespace

absl::Status SseParser::Feed(absl::string_view bytes, Handler handler) {
  while (!bytes.empty() && !failed_) {
    if (skip_lf_) {
      skip_lf_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const size_t end = FindLineEnd(bytes);
    const absl::string_view piece = bytes.substr(0, end);
    if (TooLong(line_.size() + piece.size())) break;
    if (end == absl::string_view::npos) {
      line_.append(piece.data(), piece.size());
      break;
    }
    skip_lf_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    if (line_.empty()) {
      TakeLine(piece, handler);
    } else {
      // The parser's own copy goes with the line, so that data_view_ never points at line_.
      line_.append(piece.data(), piece.size());
      TakeLine(line_, handler);
      if (has_data_ && data_.empty()) data_.assign(data_view_.data(), data_view_.size());
      data_view_ = {};
      line_.clear();
    }
  }
  if (failed_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("an event of the stream has more than ", event_bytes_max_, " bytes"));
  }
  if (!data_view_.empty()) {
    data_.assign(data_view_.data(), data_view_.size());
    data_view_ = {};
  }
  return absl::OkStatus();
}

absl::Status SseParser::Finish(Handler handler) {
  absl::Status status = absl::OkStatus();
  if (!line_.empty()) status = Feed("\n", handler);
  if (status.ok() && has_data_) status = Feed("\n", handler);
  return status;
}

void SseParser::Reset() {
  line_.clear();
  type_.clear();
  data_.clear();
  data_view_ = {};
  has_data_ = false;
  at_start_ = true;
  skip_lf_ = false;
  failed_ = false;
}

void SseParser::TakeLine(absl::string_view line, Handler handler) {
  if (at_start_) {
    at_start_ = false;
    if (line.substr(0, kByteOrderMark.size()) == kByteOrderMark) {
      line.remove_prefix(kByteOrderMark.size());
    }
  }
  if (line.empty()) {
    if (has_data_)
      handler(Event{type_, data_view_.empty() ? absl::string_view(data_) : data_view_});
    type_.clear();
    data_.clear();
    data_view_ = {};
    has_data_ = false;
    return;
  }
  const size_t colon = line.find(':');
  const absl::string_view field = line.substr(0, colon);
  absl::string_view value;
  if (colon != absl::string_view::npos) value = line.substr(colon + 1);
  if (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  if (field == "data") {
    AddData(value);
  } else if (field == "event") {
    type_.assign(value.data(), value.size());
  }
}

void SseParser::AddData(absl::string_view value) {
  if (!has_data_) {
    has_data_ = true;
    data_view_ = value;
    return;
  }
  if (!data_view_.empty()) data_.assign(data_view_.data(), data_view_.size());
  data_view_ = {};
  if (TooLong(data_.size() + 1 + value.size())) return;
  data_.push_back('\n');
  data_.append(value.data(), value.size());
}

bool SseParser::TooLong(size_t bytes) {
  if (bytes > event_bytes_max_) failed_ = true;
  return failed_;
}

}  // namespace moa::upstream
