#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/document/document.h"

namespace moa {

// A place in a document, seen by code that expects a certain type there. Whatever is not as
// expected is added to the problems with its path and line, and reading goes on; so one pass finds
// every mistake.
//
//   Problems problems;
//   Mapping job(Field::Root(document, problems));
//   spec.name = job["name"].String().value_or("");
//   spec.seed = job["seed"].Unsigned();          // nullopt: not given, or a problem was added
//   for (const Field& layer : job["layers"].Items()) …
//   job.ReportUnknown();                         // "unknown field; did you mean …?"
//
// A field that is missing or null is absent: every accessor returns nothing and adds no problem.
// Borrows the document and the problems. Externally synchronised.
class Field {
 public:
  static Field Root(const Document& document, Problems& problems);

  bool present() const { return node_ != nullptr; }
  const std::string& path() const { return path_; }
  // REQUIRES: present().
  const Node& node() const { return *node_; }

  // Text. In YAML any scalar is text as written (`name: 2024`), in JSON only a string.
  std::optional<std::string> String() const;
  // Unquoted true or false.
  std::optional<bool> Bool() const;
  // An unquoted whole number within [min, max].
  std::optional<uint64_t> Unsigned(uint64_t min = 0,
                                   uint64_t max = std::numeric_limits<uint64_t>::max()) const;
  // An unquoted finite number.
  std::optional<double> Number() const;
  // "30s", "1m30s", "500ms"; positive and finite. A number without a unit is a problem.
  std::optional<absl::Duration> Duration() const;
  // The items of a list, those that are null reported and absent; empty when absent.
  std::vector<Field> Items() const;
  // As Items, but a single scalar counts as a list of one.
  std::vector<Field> ItemsOrScalar() const;

  // The values of a mapping in the order of the file, those that are null reported and absent;
  // node().key is the key.
  std::vector<Field> Entries() const;

  // What Report adds to.
  Problems& problems() const { return *problems_; }

  // Adds a problem at this place, or, for an absent field, at the mapping that should hold it.
  void Report(std::string message) const;
  // The problem that Report would add.
  Problem At(std::string message) const;

 private:
  friend class Mapping;
  Field(const Document& document, Problems& problems)
      : document_(&document), problems_(&problems) {}
  Field Child(const Node* node, std::string path) const;
  // The scalar's node, or null after reporting that `expected` is not here.
  const Node* Scalar(absl::string_view expected) const;

  const Document* document_;
  Problems* problems_;
  const Node* node_ = nullptr;
  int line_ = 0;  // for problems; of the nearest present ancestor where absent
  int column_ = 0;
  std::string path_;
};

// A field that must be a mapping. Remembers which keys were asked for: those are the known ones.
class Mapping {
 public:
  // Reports when `field` is present and not a mapping; absent or reported, every key is absent.
  explicit Mapping(Field field);

  bool present() const { return present_; }
  const Field& field() const { return field_; }
  Field operator[](absl::string_view key);
  // As operator[], and reports when the key is absent although the mapping is there.
  Field Required(absl::string_view key);
  // Every field that was not asked for is a problem, with the known name nearest to it as a
  // suggestion.
  void ReportUnknown() const;
  // The same as a list, for a reader to whom unknown fields are no problems. Not added to any.
  std::vector<Problem> Unknown() const;

 private:
  Field field_;
  bool present_ = false;
  std::vector<std::string> known_;
};

// The candidate that a person who typed `word` probably meant; empty when none is near (case, `-`
// and `_` do not count; otherwise one edit in three characters, a swap of neighbours being one).
std::string NearestWord(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace moa
