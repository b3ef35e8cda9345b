#include "coordinator/engine/json_value.h"

#include <cstdint>
#include <cstdlib>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace moa {
namespace {

constexpr absl::string_view kThinkBegin = "<think>";
constexpr absl::string_view kThinkEnd = "</think>";

void AppendUtf8(uint32_t code, std::string* out) {
  const auto add = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code < 0x80) {
    add(code);
  } else if (code < 0x800) {
    add(0xC0 | code >> 6), add(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    add(0xE0 | code >> 12), add(0x80 | (code >> 6 & 0x3F)), add(0x80 | (code & 0x3F));
  } else {
    add(0xF0 | code >> 18), add(0x80 | (code >> 12 & 0x3F));
    add(0x80 | (code >> 6 & 0x3F)), add(0x80 | (code & 0x3F));
  }
}

// Recursive descent. `lenient` takes a text that ends too early for what was complete by then.
class Parser {
 public:
  Parser(absl::string_view text, bool lenient) : text_(text), lenient_(lenient) {}

  // False: no value. After a lenient success cut() tells whether the text ended inside of it.
  bool Value(JsonValue* out, int depth) {
    SkipSpace();
    if (AtEnd() || depth > kJsonDepthMax) return false;
    switch (text_[at_]) {
      case '{':
        return Object(out, depth);
      case '[':
        return Array(out, depth);
      case '"':
        out->kind = JsonValue::Kind::kString;
        return String(&out->string);
      default:
        return Word(out);
    }
  }

  void SkipSpace() {
    while (!AtEnd() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t')) {
      ++at_;
    }
  }
  bool AtEnd() const { return at_ >= text_.size(); }
  size_t at() const { return at_; }
  bool cut() const { return cut_; }

 private:
  // The text has ended inside of a value; whether that value is taken.
  bool Cut() {
    cut_ = true;
    return lenient_;
  }

  bool Object(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kObject;
    ++at_;
    SkipSpace();
    if (AtEnd()) return Cut();
    if (text_[at_] == '}') return ++at_, true;
    while (true) {
      std::string key;
      SkipSpace();
      if (AtEnd()) return Cut();
      if (text_[at_] != '"' || !String(&key)) return cut_ && lenient_;
      if (cut_) return true;
      SkipSpace();
      if (AtEnd()) return Cut();
      if (text_[at_++] != ':') return false;
      JsonValue value;
      SkipSpace();
      if (AtEnd()) return Cut();
      if (!Value(&value, depth + 1)) return cut_ && lenient_;
      out->members.emplace_back(std::move(key), std::move(value));
      if (cut_) return true;
      SkipSpace();
      if (AtEnd()) return Cut();
      const char c = text_[at_++];
      if (c == '}') return true;
      if (c != ',') return false;
    }
  }

  bool Array(JsonValue* out, int depth) {
    out->kind = JsonValue::Kind::kArray;
    ++at_;
    SkipSpace();
    if (AtEnd()) return Cut();
    if (text_[at_] == ']') return ++at_, true;
    while (true) {
      JsonValue item;
      SkipSpace();
      if (AtEnd()) return Cut();
      if (!Value(&item, depth + 1)) return cut_ && lenient_;
      out->items.push_back(std::move(item));
      if (cut_) return true;
      SkipSpace();
      if (AtEnd()) return Cut();
      const char c = text_[at_++];
      if (c == ']') return true;
      if (c != ',') return false;
    }
  }

  bool Hex4(uint32_t* code) {
    *code = 0;
    if (text_.size() - at_ < 4) return at_ = text_.size(), false;
    for (int i = 0; i < 4; ++i) {
      const char c = text_[at_++];
      if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return false;
      const int digit = absl::ascii_isdigit(static_cast<unsigned char>(c))
                            ? c - '0'
                            : absl::ascii_tolower(static_cast<unsigned char>(c)) - 'a' + 10;
      *code = *code << 4 | static_cast<uint32_t>(digit);
    }
    return true;
  }

  bool Escape(std::string* out) {
    if (AtEnd()) return false;
    switch (const char c = text_[at_++]) {
      case '"':
      case '\\':
      case '/':
        return out->push_back(c), true;
      case 'b':
        return out->push_back('\b'), true;
      case 'f':
        return out->push_back('\f'), true;
      case 'n':
        return out->push_back('\n'), true;
      case 'r':
        return out->push_back('\r'), true;
      case 't':
        return out->push_back('\t'), true;
      case 'u':
        break;
      default:
        return false;
    }
    uint32_t code = 0;
    if (!Hex4(&code)) return false;
    if (code >= 0xD800 && code < 0xDC00 && text_.substr(at_, 2) == "\\u") {
      at_ += 2;
      uint32_t low = 0;
      if (!Hex4(&low)) return false;
      if (low < 0xDC00 || low > 0xDFFF) return false;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    } else if (code >= 0xD800 && code < 0xE000) {
      code = 0xFFFD;
    }
    AppendUtf8(code, out);
    return true;
  }

  bool String(std::string* out) {
    ++at_;
    while (!AtEnd()) {
      const char c = text_[at_++];
      if (c == '"') return true;
      if (c == '\\') {
        if (Escape(out)) continue;
        return AtEnd() && Cut();
      }
      // Models forget to escape line breaks; strict readers do not forgive that.
      if (static_cast<unsigned char>(c) < 0x20 && !lenient_) return false;
      out->push_back(c);
    }
    return Cut();
  }

  bool Word(JsonValue* out) {
    const size_t begin = at_;
    while (!AtEnd() && (absl::ascii_isalnum(static_cast<unsigned char>(text_[at_])) ||
                        text_[at_] == '-' || text_[at_] == '+' || text_[at_] == '.')) {
      ++at_;
    }
    const absl::string_view word = text_.substr(begin, at_ - begin);
    // Its end is not known: "1" may have been going to be "10".
    if (AtEnd() && lenient_) return cut_ = true, false;
    if (word == "true" || word == "false") {
      out->kind = JsonValue::Kind::kBool;
      out->boolean = word == "true";
      return true;
    }
    if (word == "null") return true;
    out->kind = JsonValue::Kind::kNumber;
    return IsNumber(word) && absl::SimpleAtod(word, &out->number);
  }

  // JSON's grammar is narrower than SimpleAtod's.
  static bool IsNumber(absl::string_view word) {
    size_t i = 0;
    const auto digits = [&] {
      const size_t begin = i;
      while (i < word.size() && absl::ascii_isdigit(static_cast<unsigned char>(word[i]))) ++i;
      return i - begin;
    };
    if (i < word.size() && word[i] == '-') ++i;
    const bool zero = i < word.size() && word[i] == '0';
    const size_t whole = digits();
    if (whole == 0 || (zero && whole > 1)) return false;
    if (i < word.size() && word[i] == '.' && (++i, digits() == 0)) return false;
    if (i < word.size() && (word[i] == 'e' || word[i] == 'E')) {
      ++i;
      if (i < word.size() && (word[i] == '+' || word[i] == '-')) ++i;
      if (digits() == 0) return false;
    }
    return i == word.size();
  }

  const absl::string_view text_;
  const bool lenient_;
  size_t at_ = 0;
  bool cut_ = false;
};

// What follows the model's thoughts.
absl::string_view AfterThoughts(absl::string_view text) {
  const size_t end = text.rfind(kThinkEnd);
  if (end != absl::string_view::npos) return text.substr(end + kThinkEnd.size());
  return text.substr(0, std::min(text.size(), text.find(kThinkBegin)));
}

}  // namespace

const JsonValue* JsonValue::Find(absl::string_view key) const {
  for (auto it = members.rbegin(); it != members.rend(); ++it) {
    if (it->first == key) return &it->second;
  }
  return nullptr;
}

std::optional<JsonValue> ParseJson(absl::string_view text) {
  if (text.size() > kJsonBytesMax) return std::nullopt;
  Parser parser(text, false);
  JsonValue value;
  if (!parser.Value(&value, 0)) return std::nullopt;
  parser.SkipSpace();
  if (!parser.AtEnd()) return std::nullopt;
  return value;
}

std::optional<JsonValue> FindJsonObject(absl::string_view text, absl::string_view key) {
  text = AfterThoughts(text);
  if (text.size() > kJsonBytesMax) text.remove_prefix(text.size() - kJsonBytesMax);
  std::optional<JsonValue> found;
  // Each failed beginning costs what it read; a hostile text of braces must not cost its square.
  size_t effort = 4 * text.size() + 4096;
  size_t at = text.find('{');
  while (at != absl::string_view::npos) {
    Parser parser(text.substr(at), true);
    JsonValue value;
    const bool is_object = parser.Value(&value, 0);
    if (is_object && value.Find(key) != nullptr) found = std::move(value);
    if (is_object && parser.cut()) break;
    if (parser.at() >= effort) break;
    effort -= parser.at();
    at = text.find('{', at + (is_object ? parser.at() : 1));
  }
  return found;
}

}  // namespace moa
