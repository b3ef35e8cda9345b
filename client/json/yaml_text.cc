#include "client/json/yaml_text.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

constexpr size_t kIndent = 2;

// Texts that some reader of YAML takes for something else.
constexpr std::array<absl::string_view, 10> kWords = {"true", "false", "null", "yes", "no",
                                                      "on",   "off",   "y",    "n",   "nan"};

// Needs no quotes wherever it stands.
bool IsPlain(absl::string_view text) {
  if (text.empty() || !absl::ascii_isalpha(static_cast<unsigned char>(text[0]))) return false;
  if (text.back() == ' ') return false;
  const bool harmless = std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '/' ||
           c == '-' || c == ' ';
  });
  const std::string lower = absl::AsciiStrToLower(text);
  return harmless && std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

// Bytes of a character at the start of `text` that cannot stand in YAML as it is, or that a reader may take for a
// line's end: DEL, C1, U+2028, U+2029, a byte order mark. 0 where there is none.
size_t SpecialBytes(absl::string_view text) {
  if (text[0] == '\x7F') return 1;
  if (text[0] == '\xC2' && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xA0) return 2;
  for (const absl::string_view special : {"\xE2\x80\xA8", "\xE2\x80\xA9", "\xEF\xBB\xBF"}) {
    if (absl::StartsWith(text, special)) return special.size();
  }
  return 0;
}

// Several lines that a block holds as they are. Blanks where a block's indentation is told from are
// left to quotes.
bool FitsBlock(absl::string_view text) {
  if (!absl::StrContains(text, "\n") || absl::EndsWith(text, "\n\n")) return false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const bool blank = line.find_first_not_of(" \t") == absl::string_view::npos;
    if (blank && !line.empty()) return false;
  }
  if (text[0] == '\n' || text[0] == ' ' || text[0] == '\t') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 && byte != '\n' && byte != '\t') return false;
    if (SpecialBytes(text.substr(i)) > 0) return false;
  }
  return true;
}

std::string Block(absl::string_view text, size_t indent) {
  const bool ended = absl::EndsWith(text, "\n");
  std::string out = ended ? "|" : "|-";
  if (ended) text.remove_suffix(1);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    absl::StrAppend(&out, "\n", line.empty() ? "" : std::string(indent, ' '), line);
  }
  return out;
}

// JSON's text in quotes is YAML's as well, but for characters that JSON lets stand.
std::string Quoted(const Node& scalar) {
  const std::string json = ToJson(scalar);
  std::string out;
  for (size_t i = 0; i < json.size();) {
    const size_t special = SpecialBytes(absl::string_view(json).substr(i));
    const auto byte = [&](size_t k) {
      return static_cast<uint32_t>(static_cast<uint8_t>(json[i + k]));
    };
    if (special == 0) {
      out += json[i++];
      continue;
    }
    const uint32_t code = special == 1 ? byte(0)
                          : special == 2
                              ? (byte(0) & 0x1F) << 6 | (byte(1) & 0x3F)
                              : (byte(0) & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F);
    absl::StrAppendFormat(&out, "\\u%04x", code);
    i += special;
  }
  return out;
}

// `indent` is that of the lines below, where there are any.
std::string Scalar(const Node& node, size_t indent) {
  if (node.quoted && IsPlain(node.text)) return node.text;
  if (node.quoted && FitsBlock(node.text)) return Block(node.text, indent);
  return Quoted(node);
}

std::string Key(const Node& node) {
  if (IsPlain(node.key)) return node.key;
  Node key;
  key.text = node.key;
  key.quoted = true;
  return Quoted(key);
}

// Whole lines, indented.
std::string Lines(const Node& node, size_t indent) {
  const std::string margin(indent, ' ');
  if (node.kind == NodeKind::kScalar) return absl::StrCat(margin, Scalar(node, indent), "\n");
  if (node.children.empty()) {
    return absl::StrCat(margin, node.kind == NodeKind::kMapping ? "{}" : "[]", "\n");
  }
  std::string out;
  for (const Node& child : node.children) {
    const bool nested = child.kind != NodeKind::kScalar && !child.children.empty();
    // As a block below, or on the line of the key or dash.
    std::string value = Lines(child, indent + kIndent);
    if (node.kind == NodeKind::kSequence) {
      value.replace(indent, kIndent, "- ");
      out += value;
    } else {
      absl::StrAppend(&out, margin, Key(child), ":", nested ? "\n" : " ",
                      nested ? value : value.substr(indent + kIndent));
    }
  }
  return out;
}

}  // namespace

std::string YamlText(const Node& node) {
  return node.kind == NodeKind::kScalar ? absl::StrCat(Quoted(node), "\n") : Lines(node, 0);
}

}  // namespace moa
