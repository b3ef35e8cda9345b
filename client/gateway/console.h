#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/gateway/console_files.h"
#include "common/http/http_message.h"

namespace moa::gateway {

// The web console's files over HTTP. They are the same for everybody and say nothing of any job, so that they need no
// token: the page asks for it and sends it with what it asks of the API. Pure.

// Whether a path is the page's or one of its files'.
bool IsConsolePath(absl::string_view path);

// The reply to a request of such a path: 200, 304, 404, or 405 for a method that does not read. The page itself is
// looked up again each time (ETag); its files are named by their content and are kept for good. The page may load
// from the gateway alone, run no script but its own file, and not be framed.
HttpResponse ConsoleResponse(const HttpRequest& request, absl::Span<const ConsoleFile> files);

}  // namespace moa::gateway
