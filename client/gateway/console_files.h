#pragma once

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace moa::gateway {

// A file of the web console, compiled in. Constant texts.
struct ConsoleFile {
  absl::string_view path;  // "/", "/assets/console-….js"
  absl::string_view content_type;
  absl::string_view hash;  // of `body`; makes the ETag
  absl::string_view body;
  absl::string_view gzip;  // `body`, compressed
};

// All of them; none where the page could not be built. Defined in a file that the build makes
// (client/console/build.mjs).
absl::Span<const ConsoleFile> EmbeddedConsole();

}  // namespace moa::gateway
