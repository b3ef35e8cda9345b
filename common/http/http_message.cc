#include "common/http/http_message.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace moa {

const HttpHeader* HttpRequest::FindHeader(absl::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (absl::EqualsIgnoreCase(header.name, name)) return &header;
  }
  return nullptr;
}

absl::string_view HttpRequest::Header(absl::string_view name) const {
  const HttpHeader* header = FindHeader(name);
  return header == nullptr ? absl::string_view() : header->value;
}

std::string HttpRequest::QueryValue(absl::string_view name) const {
  for (absl::string_view pair : absl::StrSplit(query, '&', absl::SkipEmpty())) {
    const size_t equals = pair.find('=');
    const bool has_value = equals != absl::string_view::npos;
    if (PercentDecode(pair.substr(0, equals)) != name) continue;
    return has_value ? PercentDecode(pair.substr(equals + 1)) : std::string();
  }
  return "";
}

HttpResponse::HttpResponse(int status_code, absl::string_view content_type, std::string content)
    : status(status_code), body(std::move(content)) {
  if (!content_type.empty()) AddHeader("Content-Type", content_type);
}

HttpResponse& HttpResponse::AddHeader(absl::string_view name, absl::string_view value) {
  const size_t start = header_block_.size() + name.size() + 2;
  absl::StrAppend(&header_block_, name, ": ", value, "\r\n");
  for (size_t i = start; i < start + value.size(); ++i) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(header_block_[i]))) header_block_[i] = ' ';
  }
  return *this;
}

HttpResponse& HttpResponse::AddHeaderBlock(absl::string_view lines) {
  header_block_.append(lines.data(), lines.size());
  return *this;
}

absl::string_view HttpReason(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Entity";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
  }
  return "Unknown";
}

std::string PercentDecode(absl::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out.push_back(' ');
    } else if (text[i] == '%' && i + 2 < text.size() &&
               absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 1])) &&
               absl::ascii_isxdigit(static_cast<unsigned char>(text[i + 2]))) {
      out += absl::HexStringToBytes(text.substr(i + 1, 2));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

}  // namespace moa
