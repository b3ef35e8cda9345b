#pragma once

#include <cstddef>
#include <memory>
#include <ostream>
#include <string>

#include "absl/strings/string_view.h"

namespace moa {

// An immutable, reference-counted byte string: prompts and answers, which are large and are held at
// once by a plan, a rendered prompt, a queued dispatch and a durable record. Copying a Text copies a
// pointer. The bytes are whatever the user or the model sent: NULs and invalid UTF-8 included.
//
// Owners: everyone who holds a copy, on any thread; the last one frees the bytes. Thread-safe.
class Text {
 public:
  Text() = default;  // empty
  explicit Text(std::string bytes);
  explicit Text(absl::string_view bytes);
  explicit Text(const char* bytes);

  absl::string_view view() const {
    return bytes_ == nullptr ? absl::string_view() : absl::string_view(*bytes_);
  }
  size_t size() const { return bytes_ == nullptr ? 0 : bytes_->size(); }
  bool empty() const { return size() == 0; }

  // True when both share the same bytes in memory, which lets callers skip work done once per text.
  bool SharesBytesWith(const Text& other) const { return bytes_ == other.bytes_; }

  friend bool operator==(const Text& a, const Text& b) {
    return a.bytes_ == b.bytes_ || a.view() == b.view();
  }
  friend std::ostream& operator<<(std::ostream& os, const Text& text);

 private:
  std::shared_ptr<const std::string> bytes_;  // null for the empty text
};

// The well-formed UTF-8 nearest to `bytes`: each maximal ill-formed part becomes U+FFFD, as the
// Unicode Standard (section 3.9) recommends. Well-formed input is returned unchanged.
std::string RepairUtf8(absl::string_view bytes);

// True when `bytes` is well-formed UTF-8 (overlong forms and surrogates are not).
bool IsValidUtf8(absl::string_view bytes);

// The longest prefix of `bytes`, at most `size_max` long, that does not cut a code point in two.
absl::string_view Utf8Prefix(absl::string_view bytes, size_t size_max);

}  // namespace moa
