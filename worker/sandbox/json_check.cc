#include "worker/sandbox/json_check.h"

#include <cmath>
#include <cstddef>

#include "absl/strings/numbers.h"
#include "common/base/text.h"

namespace moa::sandbox {
namespace {

constexpr size_t kNumberSizeMax = 400;  // a double's range has 309 digits

class Checker {
 public:
  explicit Checker(absl::string_view text) : text_(text) {}

  bool Document(int depth_max) { return Value(depth_max) && (SkipSpace(), at_ == text_.size()); }

 private:
  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(char c) {
    if (Peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  bool TakeWord(absl::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void SkipSpace() {
    while (Peek() == ' ' || Peek() == '\n' || Peek() == '\t' || Peek() == '\r') ++at_;
  }
  bool IsDigit() const { return Peek() >= '0' && Peek() <= '9'; }

  bool Value(int depth_left) {
    SkipSpace();
    switch (Peek()) {
      case '{':
        return depth_left > 0 && Sequence('{', '}', depth_left - 1);
      case '[':
        return depth_left > 0 && Sequence('[', ']', depth_left - 1);
      case '"':
        return String();
      case 't':
        return TakeWord("true");
      case 'f':
        return TakeWord("false");
      case 'n':
        return TakeWord("null");
      default:
        return Number();
    }
  }

  bool Sequence(char open, char close, int depth_left) {
    Take(open);
    SkipSpace();
    if (Take(close)) return true;
    do {
      SkipSpace();
      if (open == '{' && !(String() && (SkipSpace(), Take(':')))) return false;
      if (!Value(depth_left)) return false;
      SkipSpace();
    } while (Take(','));
    return Take(close);
  }

  // The four digits of a \u escape; -1 when they are none.
  int Hex4() {
    int code = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = Peek();
      if (c >= '0' && c <= '9') {
        code = code * 16 + (c - '0');
      } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
        code = code * 16 + ((c | 0x20) - 'a' + 10);
      } else {
        return -1;
      }
    }
    return code;
  }

  bool Escape() {
    if (at_ == text_.size()) return false;
    const char c = text_[at_++];
    if (c != 'u') return absl::string_view("\"\\/bfnrt").find(c) != absl::string_view::npos;
    const int code = Hex4();
    if (code < 0xD800 || code > 0xDFFF) return code >= 0;
    if (code > 0xDBFF || !TakeWord("\\u")) return false;
    const int low = Hex4();
    return low >= 0xDC00 && low <= 0xDFFF;
  }

  bool String() {
    if (!Take('"')) return false;
    while (at_ < text_.size()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c == '\\' && !Escape()) return false;
    }
    return false;
  }

  bool Digits() {
    if (!IsDigit()) return false;
    while (IsDigit()) ++at_;
    return true;
  }

  bool Number() {
    const size_t start = at_;
    Take('-');
    if (!Take('0') && !Digits()) return false;
    if (Take('.') && !Digits()) return false;
    if (Take('e') || Take('E')) {
      if (!Take('-')) Take('+');
      if (!Digits()) return false;
    }
    if (at_ - start > kNumberSizeMax) return false;
    double value = 0;
    return absl::SimpleAtod(text_.substr(start, at_ - start), &value) && std::isfinite(value);
  }

  const absl::string_view text_;
  size_t at_ = 0;
};

}  // namespace

bool IsPlainJson(absl::string_view text, int depth_max) {
  return IsValidUtf8(text) && Checker(text).Document(depth_max);
}

}  // namespace moa::sandbox
