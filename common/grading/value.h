#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/document/document.h"

namespace moa {

struct DictEntry;

// A Python value, as a grader compares it: what a call returned, or what a grader's file expects. A value type.
struct Value {
  enum class Kind {
    kNothing,  // a key that is missing, an item beyond the end: equals nothing, not even itself
    kOpaque,   // what JSON does not have; equals nothing either
    kNull,
    kBool,
    kNumber,
    kText,
    kList,
    kDict,
  };
  Kind kind = Kind::kNothing;
  // Of numbers, and of bools, which are numbers in Python: True == 1.
  double number = 0;
  bool is_float = false;  // written with a fraction or an exponent
  // The text; the name of an opaque value's type; of a number the digits where it is whole (also 2.0 and 1e3), in full
  // length and without a superfluous sign, else empty.
  std::string text;
  std::vector<Value> items;        // of a list
  std::vector<DictEntry> entries;  // of a dict, ordered by key

  bool IsNumeric() const { return kind == Kind::kNumber || kind == Kind::kBool; }
  // Of a dict: the value under `key`, or null.
  const Value* Find(absl::string_view key) const;
};

struct DictEntry {
  std::string key;
  Value value;
};

// As JSON has it, for nodes of YAML too: quoted scalars are text, so is what is neither null, true, false nor a number
// by JSON's grammar. {"$type": NAME} is an opaque value.
Value ValueOf(const Node& node);
// Reads what a sandbox wrote. What cannot be read, or is larger than a grader looks at, is opaque, and so is a whole number
// of more than 300 digits; a lone surrogate in a text is U+FFFD.
Value ParseValue(absl::string_view json);

// Python's ==: 2 == 2.0 == 2.00 and True == 1, whole numbers exactly, dicts in any order.
bool Equals(const Value& a, const Value& b);
// As Equals, and 2, 2.0 and True are three things: what a call left as it was.
bool Identical(const Value& a, const Value& b);
// As Equals, but numbers, at any depth, may be `tolerance` apart.
bool IsClose(const Value& a, const Value& b, double tolerance);
// Both are lists with the same items in any order. O(n log n).
bool SameItems(const Value& a, const Value& b);
// No two items of a list equal each other. O(n log n).
bool AllDistinct(const std::vector<Value>& items);

}  // namespace moa
