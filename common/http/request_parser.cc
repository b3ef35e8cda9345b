#include "common/http/request_parser.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace moa {
namespace {

// What one header line may cost beyond its bytes is bounded by their number.
constexpr size_t kHeaderFieldsMax = 200;
// A Content-Length is a claim: memory is taken as the bytes come, beyond this much.
constexpr uint64_t kBodyReserveBytesMax = uint64_t{256} * 1024;
// Capacity that an idle connection may keep from a large request before it.
constexpr size_t kKeptBodyBytesMax = size_t{64} * 1024;

}  // namespace

void RequestParser::Storage::Clear() {
  text.clear();
  body.clear();
  if (body.capacity() > kKeptBodyBytesMax) body.shrink_to_fit();
  fields.clear();
  method_size = target_size = 0;
  expects_continue = false;
}

HttpRequest RequestParser::Storage::View() {
  headers.clear();
  const absl::string_view all(text);
  for (const Field& field : fields) {
    headers.push_back(
        {all.substr(field.name_at, field.name_size), all.substr(field.value_at, field.value_size)});
  }
  HttpRequest request;
  request.method = all.substr(0, method_size);
  request.target = all.substr(method_size, target_size);
  const size_t mark = request.target.find('?');
  request.path = request.target.substr(0, mark);
  if (mark != absl::string_view::npos) request.query = request.target.substr(mark + 1);
  request.headers = headers;
  request.body = body;
  return request;
}

RequestParser::RequestParser(Storage& storage, size_t header_bytes_max, uint64_t body_bytes_max)
    : storage_(storage) {
  storage_.Clear();
  header_limit(static_cast<uint32_t>(header_bytes_max));
  body_limit(body_bytes_max);
  eager(true);
}

void RequestParser::on_request_impl(boost::beast::http::verb, View method_text, View target,
                                    int version, Error&) {
  storage_.version = version;
  storage_.text.append(method_text.data(), method_text.size());
  storage_.text.append(target.data(), target.size());
  storage_.method_size = static_cast<uint32_t>(method_text.size());
  storage_.target_size = static_cast<uint32_t>(target.size());
}

void RequestParser::on_field_impl(boost::beast::http::field field, View name, View value,
                                  Error& error) {
  if (storage_.fields.size() >= kHeaderFieldsMax) {
    error = boost::beast::http::error::header_limit;
    return;
  }
  if (field == boost::beast::http::field::expect &&
      absl::EqualsIgnoreCase({value.data(), value.size()}, "100-continue")) {
    storage_.expects_continue = true;
  }
  if (MeansTwoThings(field, value)) {
    error = boost::beast::http::error::bad_field;
    return;
  }
  const auto name_at = static_cast<uint32_t>(storage_.text.size());
  storage_.text.append(name.data(), name.size());
  const auto value_at = static_cast<uint32_t>(storage_.text.size());
  storage_.text.append(value.data(), value.size());
  storage_.fields.push_back(
      {name_at, static_cast<uint32_t>(name.size()), value_at, static_cast<uint32_t>(value.size())});
}

void RequestParser::on_body_init_impl(const boost::optional<uint64_t>& content_length, Error&) {
  if (content_length) storage_.body.reserve(std::min(*content_length, kBodyReserveBytesMax));
}

// A proxy in front may read it otherwise, and take the end of a body for a request.
bool RequestParser::MeansTwoThings(boost::beast::http::field field, View value) {
  using Field = boost::beast::http::field;
  if (field == Field::transfer_encoding) {
    return !absl::EqualsIgnoreCase({value.data(), value.size()}, "chunked");
  }
  if (field == Field::content_length) return std::exchange(length_seen_, true);
  return field == Field::host && std::exchange(host_seen_, true);
}

size_t RequestParser::on_body_impl(View piece, Error&) {
  storage_.body.append(piece.data(), piece.size());
  return piece.size();
}

size_t RequestParser::on_chunk_body_impl(uint64_t, View piece, Error&) {
  storage_.body.append(piece.data(), piece.size());
  return piece.size();
}

}  // namespace moa
