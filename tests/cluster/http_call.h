#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace moa::cluster {

struct HttpReply {
  int status = 0;  // 0: the connection ended before a status line
  std::string headers;
  std::string body;
};

// One HTTP/1.1 exchange on a connection of its own, for looking at metrics, health pages and the
// simulator from outside. Throws std::runtime_error when nobody listens. `headers` are whole lines
// with "\r\n".
HttpReply HttpCall(const std::string& address, absl::string_view method, absl::string_view path,
                   absl::string_view body = "", absl::string_view headers = "");

// The value of a Prometheus sample whose line begins with `sample`, as `name{label="x"}` or `name`;
// the sum when several do. 0 when none does.
double MetricValue(const std::string& metrics_address, absl::string_view sample);

}  // namespace moa::cluster
