#include "common/document/field.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/text.h"
#include "common/document/json_text.h"

namespace moa {
namespace {

absl::string_view NameOf(NodeKind kind) {
  switch (kind) {
    case NodeKind::kScalar:
      return "a single value";
    case NodeKind::kSequence:
      return "a list";
    case NodeKind::kMapping:
      return "a mapping";
  }
  return "";
}

// A value as problems show it: short, and on one line.
std::string Excerpt(absl::string_view text) {
  std::string out(Utf8Prefix(text, 40));
  if (out.size() < text.size()) out += "…";
  return absl::StrReplaceAll(out, {{"\n", " "}, {"\t", " "}});
}

std::string Folded(absl::string_view word) {
  return absl::StrReplaceAll(absl::AsciiStrToLower(word), {{"-", "_"}});
}

// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
size_t Edits(absl::string_view a, absl::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1,
                             cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

}  // namespace

std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kWordMax = 64;  // longer ones are no typing mistakes, and the table is quadratic
  if (word.size() > kWordMax) return "";
  const std::string folded = Folded(word);
  size_t best_edits = word.size() / 3 + 1;
  std::string best;
  for (const std::string& candidate : candidates) {
    const size_t edits = Edits(folded, Folded(candidate));
    // Two edits turn any short word into any other.
    if (edits > std::max<size_t>(1, std::min(word.size(), candidate.size()) / 3)) continue;
    if (edits < best_edits) {
      best_edits = edits;
      best = candidate;
    }
  }
  return best;
}

Field Field::Root(const Document& document, Problems& problems) {
  Field root(document, problems);
  root.line_ = document.root.line;
  root.column_ = document.root.column;
  if (!document.root.IsNull()) root.node_ = &document.root;
  return root;
}

Field Field::Child(const Node* node, std::string path) const {
  Field child(*document_, *problems_);
  child.path_ = std::move(path);
  child.line_ = line_;
  child.column_ = column_;
  if (node == nullptr) return child;
  const bool keyed = node->key_line > 0;
  child.line_ = keyed ? node->key_line : node->line;
  child.column_ = keyed ? node->key_column : node->column;
  if (!node->IsNull()) child.node_ = node;
  return child;
}

void Field::Report(std::string message) const { problems_->Add(At(std::move(message))); }

Problem Field::At(std::string message) const {
  return {document_->file, line_, column_, path_, std::move(message)};
}

const Node* Field::Scalar(absl::string_view expected) const {
  if (node_ == nullptr) return nullptr;
  if (node_->kind != NodeKind::kScalar) {
    Report(absl::StrCat("must be ", expected, ", not ", NameOf(node_->kind)));
    return nullptr;
  }
  return node_;
}

std::optional<std::string> Field::String() const {
  const Node* scalar = Scalar("text");
  if (scalar == nullptr) return std::nullopt;
  if (document_->format == Format::kJson && !scalar->quoted) {
    Report(absl::StrCat("must be text in double quotes, not ", Excerpt(scalar->text)));
    return std::nullopt;
  }
  return scalar->text;
}

std::optional<bool> Field::Bool() const {
  const Node* scalar = Scalar("true or false");
  if (scalar == nullptr) return std::nullopt;
  if (!scalar->quoted && scalar->text == "true") return true;
  if (!scalar->quoted && scalar->text == "false") return false;
  Report(absl::StrCat("must be true or false, not \"", Excerpt(scalar->text), "\""));
  return std::nullopt;
}

std::optional<uint64_t> Field::Unsigned(uint64_t min, uint64_t max) const {
  const Node* scalar = Scalar("a whole number");
  if (scalar == nullptr) return std::nullopt;
  uint64_t value = 0;
  const bool digits = !scalar->quoted && IsJsonNumber(scalar->text) &&
                      scalar->text.find_first_not_of("-0123456789") == std::string::npos;
  if (!digits) {
    Report(absl::StrCat("must be a whole number, not \"", Excerpt(scalar->text), "\""));
    return std::nullopt;
  }
  const bool fits = absl::SimpleAtoi(scalar->text, &value);
  const bool below = fits ? value < min : scalar->text[0] == '-';
  if (below && max >= std::numeric_limits<uint32_t>::max()) {  // nobody's limit
    Report(absl::StrCat("must be at least ", min, ", not ", Excerpt(scalar->text)));
    return std::nullopt;
  }
  if (!fits || value < min || value > max) {
    Report(absl::StrCat("must be from ", min, " to ", max, ", not ", Excerpt(scalar->text)));
    return std::nullopt;
  }
  return value;
}

std::optional<double> Field::Number() const {
  const Node* scalar = Scalar("a number");
  if (scalar == nullptr) return std::nullopt;
  double value = 0;
  if (scalar->quoted || !IsJsonNumber(scalar->text) || !absl::SimpleAtod(scalar->text, &value) ||
      !std::isfinite(value)) {
    Report(absl::StrCat("must be a number, not \"", Excerpt(scalar->text), "\""));
    return std::nullopt;
  }
  return value;
}

std::optional<absl::Duration> Field::Duration() const {
  const Node* scalar = Scalar("a duration as 30s or 500ms");
  if (scalar == nullptr) return std::nullopt;
  absl::Duration value;
  if (IsJsonNumber(scalar->text)) {
    Report(absl::StrCat("needs a unit: write ", Excerpt(scalar->text), "s for seconds"));
    return std::nullopt;
  }
  if (!absl::ParseDuration(scalar->text, &value) || value <= absl::ZeroDuration() ||
      value == absl::InfiniteDuration()) {
    Report(absl::StrCat("must be a duration as 30s or 500ms, not \"", Excerpt(scalar->text), "\""));
    return std::nullopt;
  }
  return value;
}

std::vector<Field> Field::Items() const {
  std::vector<Field> items;
  if (node_ == nullptr) return items;
  if (node_->kind != NodeKind::kSequence) {
    Report(absl::StrCat("must be a list, not ", NameOf(node_->kind)));
    return items;
  }
  items.reserve(node_->children.size());
  for (size_t i = 0; i < node_->children.size(); ++i) {
    items.push_back(Child(&node_->children[i], absl::StrCat(path_, "[", i, "]")));
    if (!items.back().present()) items.back().Report("is empty");
  }
  return items;
}

std::vector<Field> Field::ItemsOrScalar() const {
  if (node_ != nullptr && node_->kind == NodeKind::kScalar) return {*this};
  return Items();
}

std::vector<Field> Field::Entries() const {
  std::vector<Field> entries;
  if (node_ == nullptr) return entries;
  if (node_->kind != NodeKind::kMapping) {
    Report(absl::StrCat("must be a mapping, not ", NameOf(node_->kind)));
    return entries;
  }
  entries.reserve(node_->children.size());
  for (const Node& child : node_->children) {
    entries.push_back(
        Child(&child, absl::StrCat(path_, path_.empty() ? "" : ".", Excerpt(child.key))));
    if (!entries.back().present()) entries.back().Report("is empty");
  }
  return entries;
}

Mapping::Mapping(Field field) : field_(std::move(field)) {
  if (!field_.present()) return;
  if (field_.node().kind == NodeKind::kMapping) {
    present_ = true;
  } else {
    field_.Report(absl::StrCat("must be a mapping of fields, not ", NameOf(field_.node().kind)));
  }
}

Field Mapping::operator[](absl::string_view key) {
  known_.emplace_back(key);
  return field_.Child(present_ ? field_.node().Find(key) : nullptr,
                      absl::StrCat(field_.path(), field_.path().empty() ? "" : ".", key));
}

Field Mapping::Required(absl::string_view key) {
  Field field = (*this)[key];
  if (present_ && !field.present()) field.Report("is missing");
  return field;
}

void Mapping::ReportUnknown() const {
  for (Problem& problem : Unknown()) field_.problems_->Add(std::move(problem));
}

std::vector<Problem> Mapping::Unknown() const {
  std::vector<Problem> unknown;
  if (!present_) return unknown;
  for (const Node& child : field_.node().children) {
    if (std::find(known_.begin(), known_.end(), child.key) != known_.end()) continue;
    const std::string near = NearestWord(child.key, known_);
    unknown.push_back(
        field_
            .Child(&child, absl::StrCat(field_.path(), field_.path().empty() ? "" : ".",
                                        Excerpt(child.key)))
            .At(near.empty() ? "unknown field"
                             : absl::StrCat("unknown field; did you mean \"", near, "\"?")));
  }
  return unknown;
}

}  // namespace moa
