#include <rapidjson/error/error.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "common/document/text_check.h"
#include "common/document/tree_builder.h"

namespace moa {
namespace {

// RapidJSON's input concept over a string_view. A NUL means the end there; CheckText has refused
// them.
class JsonStream {
 public:
  using Ch = char;

  explicit JsonStream(absl::string_view text) : text_(text) {}

  Ch Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  Ch Take() { return at_ < text_.size() ? text_[at_++] : '\0'; }
  size_t Tell() const { return at_; }
  // Output, which only in-situ parsing calls.
  Ch* PutBegin() { return nullptr; }
  void Put(Ch) {}
  size_t PutEnd(Ch*) { return 0; }

 private:
  const absl::string_view text_;
  size_t at_ = 0;
};

// SAX events carry no position: a token begins at the first byte that is not a separator after the
// token before it. Lines are counted along the way.
class JsonEvents : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, JsonEvents> {
 public:
  JsonEvents(absl::string_view text, const JsonStream& stream, TreeBuilder& builder)
      : text_(text), stream_(stream), builder_(builder) {}

  bool Null() { return Plain("null"); }
  bool Bool(bool value) { return Plain(value ? "true" : "false"); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) { return Plain({text, size}); }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return builder_.Scalar({text, size}, true, Begin());
  }
  bool Key(const char* text, rapidjson::SizeType size, bool copy) {
    return String(text, size, copy);
  }
  bool StartObject() { return builder_.Open(NodeKind::kMapping, Bracket()); }
  bool StartArray() { return builder_.Open(NodeKind::kSequence, Bracket()); }
  bool EndObject(rapidjson::SizeType) { return Close(); }
  bool EndArray(rapidjson::SizeType) { return Close(); }

 private:
  bool Plain(absl::string_view text) { return builder_.Scalar(text, false, Begin()); }

  bool Close() {
    Bracket();
    return builder_.Close();
  }

  // Of a bracket or brace, which the iterative parser reports before it takes it.
  Position Bracket() {
    SkipSeparators();
    const Position begin = at_;
    Step();
    return begin;
  }

  // Of any other token, which has been taken.
  Position Begin() {
    SkipSeparators();
    const Position begin = at_;
    while (end_ < stream_.Tell()) Step();
    return begin;
  }

  void SkipSeparators() {
    while (end_ < text_.size() &&
           absl::string_view(" \t\r\n:,").find(text_[end_]) != absl::string_view::npos) {
      Step();
    }
  }

  void Step() {
    if (text_[end_] == '\n') {
      ++at_.line;
      at_.column = 1;
    } else {
      ++at_.column;
    }
    ++end_;
  }

  const absl::string_view text_;
  const JsonStream& stream_;
  TreeBuilder& builder_;
  size_t end_ = 0;  // of the last token
  Position at_;     // of end_
};

std::string Describe(rapidjson::ParseErrorCode code, absl::string_view rest) {
  // RapidJSON's code for this depends on its version.
  if (!rest.empty() && static_cast<unsigned char>(rest[0]) < 0x20 &&
      (code == rapidjson::kParseErrorStringEscapeInvalid ||
       code == rapidjson::kParseErrorStringInvalidEncoding)) {
    return "a line end or tab in a text is written \\n or \\t";
  }
  switch (code) {
    case rapidjson::kParseErrorDocumentEmpty:
      return "the file is empty";
    case rapidjson::kParseErrorDocumentRootNotSingular:
      return "the value has ended, but more text follows";
    case rapidjson::kParseErrorValueInvalid:
      return "a value is expected here (comments and trailing commas are not JSON)";
    case rapidjson::kParseErrorObjectMissName:
      return "a key in double quotes is expected here (comments and trailing commas are not JSON)";
    case rapidjson::kParseErrorObjectMissColon:
      return "a colon is expected after the key";
    case rapidjson::kParseErrorObjectMissCommaOrCurlyBracket:
      return "a comma or } is expected here";
    case rapidjson::kParseErrorArrayMissCommaOrSquareBracket:
      return "a comma or ] is expected here";
    case rapidjson::kParseErrorStringUnicodeEscapeInvalidHex:
      return "\\u takes four hexadecimal digits";
    case rapidjson::kParseErrorStringUnicodeSurrogateInvalid:
      return "half of a surrogate pair: the other \\u escape is missing";
    case rapidjson::kParseErrorStringEscapeInvalid:
      return "no such escape; a backslash itself is written \\\\";
    case rapidjson::kParseErrorStringMissQuotationMark:
      return "the text in double quotes is not closed";
    default:
      return "not a number as JSON writes it";
  }
}

}  // namespace

std::optional<Document> ReadJson(absl::string_view text, absl::string_view file, Problems& problems,
                                 const DocumentLimits& limits) {
  if (!CheckText(text, file, limits, problems)) return std::nullopt;
  const size_t total_before = problems.total();
  TreeBuilder builder(file, limits, problems);
  JsonStream stream(text);
  JsonEvents events(text, stream, builder);
  rapidjson::Reader reader;
  // Iterative: a file of brackets must not exhaust the stack before the depth limit is seen.
  const rapidjson::ParseResult result =
      reader.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag>(stream,
                                                                                           events);
  if (result.IsError() && result.Code() != rapidjson::kParseErrorTermination) {
    builder.Fail(
        PositionAt(text, result.Offset()),
        absl::StrCat("not valid JSON: ",
                     Describe(result.Code(), text.substr(std::min(result.Offset(), text.size())))));
  }
  if (problems.total() != total_before) return std::nullopt;
  return Document{std::string(file), Format::kJson, builder.Take()};
}

}  // namespace moa
