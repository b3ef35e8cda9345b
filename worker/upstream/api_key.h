#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moa::upstream {

// Where the API key comes from: a fixed string, or a file that is read again, so that a key can be
// changed without a restart. The key is shown nowhere: not in errors, logs or debug output.
//
// A value type. Read does blocking file input of at most 4 KiB.
class ApiKey {
 public:
  ApiKey() = default;  // no key: calls carry no Authorization header
  static ApiKey FromString(std::string key);
  static ApiKey FromFile(std::string path);

  // The key as it is now, without surrounding white space. Errors name the file (never its text):
  // what errno says when it cannot be read, kInvalidArgument when it is empty, longer than
  // 4 KiB or has characters that no HTTP header may hold.
  absl::StatusOr<std::string> Read() const;

  bool empty() const { return value_.empty() && path_.empty(); }
  bool is_file() const { return !path_.empty(); }

 private:
  std::string value_;
  std::string path_;
};

// Tells the accounts of calls apart without showing a key: the first 16 hexadecimal digits of SHA-256
// over "moa-key:", the origin of `base_url` (OriginOf) and the key. Empty without a key. Pure.
std::string KeyFingerprint(absl::string_view base_url, absl::string_view key);

}  // namespace moa::upstream
