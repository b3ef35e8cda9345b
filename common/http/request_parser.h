#pragma once

#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>  // before Boost.Asio 1.74, which uses std::exchange without it
#include <vector>

#include "common/http/http_message.h"

namespace moa {

// Collects one request from Beast's incremental parser into two strings that are reused from
// request to request, so that a request costs no allocation once a connection is warm (Beast's own
// message allocates for each header). Internal to common/http. Externally synchronised.
class RequestParser final : public boost::beast::http::basic_parser<true> {
 public:
  // Where the texts go; reset for each request. Offsets, because `text` grows.
  struct Storage {
    struct Field {
      uint32_t name_at, name_size, value_at, value_size;
    };
    std::string text;  // method, target, then the header names and values
    std::string body;
    std::vector<Field> fields;
    std::vector<HttpHeader> headers;  // views into `text`, made by View
    uint32_t method_size = 0;
    uint32_t target_size = 0;
    int version = 11;  // 10 or 11
    bool expects_continue = false;

    void Clear();
    // Valid until the next Clear.
    HttpRequest View();
  };

  // `storage` outlives the parser and is cleared.
  RequestParser(Storage& storage, size_t header_bytes_max, uint64_t body_bytes_max);

 private:
  using Error = boost::beast::error_code;
  using View = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb method, View method_text, View target, int version,
                       Error& error) override;
  void on_response_impl(int, View, int, Error&) override {}
  void on_field_impl(boost::beast::http::field field, View name, View value, Error& error) override;
  void on_header_impl(Error&) override {}
  void on_body_init_impl(const boost::optional<uint64_t>& content_length, Error&) override;
  size_t on_body_impl(View piece, Error&) override;
  void on_chunk_header_impl(uint64_t, View, Error&) override {}
  size_t on_chunk_body_impl(uint64_t remain, View piece, Error& error) override;
  void on_finish_impl(Error&) override {}

  // Another coding than chunked, or a second Host or length.
  bool MeansTwoThings(boost::beast::http::field field, View value);

  Storage& storage_;
  bool host_seen_ = false;
  bool length_seen_ = false;
};

}  // namespace moa
