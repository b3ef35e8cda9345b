#include "worker/upstream/request_body.h"

#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "worker/upstream/json_writer.h"

namespace moa::upstream {
namespace {

void WriteTools(const ChatRequest& request, JsonWriter& writer) {
  if (request.tools.empty()) return;
  writer.Key("tools");
  writer.BeginArray();
  for (const Tool& tool : request.tools) {
    writer.BeginObject();
    writer.Member("type", "function");
    writer.Key("function");
    writer.BeginObject();
    writer.Member("name", tool.name);
    if (!tool.description.empty()) writer.Member("description", tool.description);
    if (!tool.parameters.empty()) {
      writer.Key("parameters");
      writer.Raw(tool.parameters);
    }
    if (tool.strict) {
      writer.Key("strict");
      writer.Bool(*tool.strict);
    }
    writer.EndObject();
    writer.EndObject();
  }
  writer.EndArray();
}

void WriteToolChoice(const ChatRequest& request, JsonWriter& writer) {
  if (request.tools.empty()) return;  // the API refuses tool_choice without tools
  switch (request.tool_choice.mode) {
    case ToolChoice::Mode::kUnspecified:
      break;
    case ToolChoice::Mode::kNone:
      writer.Member("tool_choice", "none");
      break;
    case ToolChoice::Mode::kAuto:
      writer.Member("tool_choice", "auto");
      break;
    case ToolChoice::Mode::kRequired:
      writer.Member("tool_choice", "required");
      break;
    case ToolChoice::Mode::kFunction:
      writer.Key("tool_choice");
      writer.BeginObject();
      writer.Member("type", "function");
      writer.Key("function");
      writer.BeginObject();
      writer.Member("name", request.tool_choice.function);
      writer.EndObject();
      writer.EndObject();
      break;
  }
  if (request.parallel_tool_calls) {
    writer.Key("parallel_tool_calls");
    writer.Bool(*request.parallel_tool_calls);
  }
}

void WriteResponseFormat(const ResponseFormat& format, JsonWriter& writer) {
  if (format.type == ResponseFormat::Type::kText) return;
  writer.Key("response_format");
  writer.BeginObject();
  if (format.type == ResponseFormat::Type::kJsonObject) {
    writer.Member("type", "json_object");
    writer.EndObject();
    return;
  }
  writer.Member("type", "json_schema");
  writer.Key("json_schema");
  writer.BeginObject();
  writer.Member("name", format.name);
  writer.Key("strict");
  writer.Bool(format.strict);
  writer.Key("schema");
  writer.Raw(format.schema);
  writer.EndObject();
  writer.EndObject();
}

void WriteDouble(absl::string_view name, const std::optional<double>& value, JsonWriter& writer) {
  if (!value) return;
  writer.Key(name);
  writer.Double(*value);
}

void WriteSampling(const ChatRequest& request, const Provider& provider, JsonWriter& writer) {
  WriteDouble("temperature", request.temperature, writer);
  WriteDouble("top_p", request.top_p, writer);
  if (request.max_completion_tokens) {
    writer.Key(provider.max_completion_tokens ? "max_completion_tokens" : "max_tokens");
    writer.Uint(*request.max_completion_tokens);
  }
  if (request.seed) {
    writer.Key("seed");
    writer.Uint(*request.seed & ~(uint64_t{1} << 63));
  }
  if (!request.stop.empty()) {
    writer.Key("stop");
    writer.BeginArray();
    for (const std::string& stop : request.stop) writer.String(stop);
    writer.EndArray();
  }
  if (provider.reasoning_effort && !request.reasoning_effort.empty()) {
    writer.Member("reasoning_effort", request.reasoning_effort);
  }
  WriteDouble("frequency_penalty", request.frequency_penalty, writer);
  WriteDouble("presence_penalty", request.presence_penalty, writer);
}

}  // namespace

void RequestBody::Assign(const ChatRequest& request, const Provider& provider) {
  Clear();
  rapidjson::StringBuffer buffer;
  JsonWriter writer(buffer);
  writer.BeginObject();
  writer.Member("model", request.model);
  if (request.stream) {
    writer.Key("stream");
    writer.Bool(true);
    if (provider.ask_for_usage) {
      writer.Key("stream_options");
      writer.BeginObject();
      writer.Key("include_usage");
      writer.Bool(true);
      writer.EndObject();
    }
  }
  WriteSampling(request, provider, writer);
  if (provider.prompt_cache_key == Provider::CacheKey::kAlways &&
      !request.prompt_cache_key.empty()) {
    writer.Member("prompt_cache_key", request.prompt_cache_key);
  }
  WriteResponseFormat(request.response_format, writer);
  WriteTools(request, writer);
  WriteToolChoice(request, writer);
  writer.Key("messages");
  writer.BeginArray();
  head_.assign(buffer.GetString(), buffer.GetSize());
  tail_ = "]}";
  size_ = head_.size() + tail_.size();
  for (const MessagesJson& part : request.prompt) {
    if (part.empty()) continue;
    if (!parts_.empty()) ++size_;
    size_ += part.size();
    parts_.push_back(part);
  }
}

void RequestBody::Clear() {
  head_.clear();
  parts_.clear();
  tail_.clear();
  size_ = 0;
  piece_ = 0;
  in_piece_ = 0;
}

absl::string_view RequestBody::Piece(size_t index) const {
  if (index == 0) return head_;
  if (index <= parts_.size()) return parts_[index - 1].view();
  return tail_;
}

void RequestBody::Flatten(std::string* out) const {
  out->clear();
  out->reserve(size_);
  for (size_t i = 0; i < pieces(); ++i) {
    if (i >= 2 && i <= parts_.size()) out->push_back(',');
    const absl::string_view piece = Piece(i);
    out->append(piece.data(), piece.size());
  }
}

size_t RequestBody::Read(char* out, size_t size_max) {
  size_t written = 0;
  while (written < size_max && piece_ < pieces()) {
    // A part but the first is read as if the comma before it were its first byte.
    const size_t comma = piece_ >= 2 && piece_ <= parts_.size() ? 1 : 0;
    const absl::string_view piece = Piece(piece_);
    if (in_piece_ == piece.size() + comma) {
      ++piece_;
      in_piece_ = 0;
      continue;
    }
    if (in_piece_ < comma) {
      out[written++] = ',';
      ++in_piece_;
      continue;
    }
    const size_t from = in_piece_ - comma;
    const size_t count = std::min(piece.size() - from, size_max - written);
    std::memcpy(out + written, piece.data() + from, count);
    written += count;
    in_piece_ += count;
  }
  return written;
}

bool RequestBody::Seek(size_t offset) {
  if (offset > size_) return false;
  piece_ = 0;
  in_piece_ = 0;
  while (piece_ < pieces()) {
    const size_t comma = piece_ >= 2 && piece_ <= parts_.size() ? 1 : 0;
    const size_t size = Piece(piece_).size() + comma;
    if (offset <= size) break;
    offset -= size;
    ++piece_;
  }
  in_piece_ = offset;
  return true;
}

absl::StatusOr<std::string> Gzip(absl::string_view bytes) {
  z_stream stream{};
  constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for gzip's header
  if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
    return absl::InternalError("zlib cannot start to compress the request");
  }
  const absl::Cleanup end = [&stream] { deflateEnd(&stream); };
  std::string out(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) {
    return absl::InternalError("zlib did not finish compressing the request");
  }
  out.resize(out.size() - stream.avail_out);
  return out;
}

}  // namespace moa::upstream
