#pragma once

#include <vector>

#include "common/document/field.h"
#include "common/grading/condition.h"

namespace moa {

// A value of a grader's file as Python has it. Reports plain words that YAML takes for text although they are meant
// otherwise in Python (True, None, nan, +1).
Value ReadValue(const Field& place, const Node& node);

// The condition whose fields stand in `mapping`, together with others of the caller's. Asks for every field that a
// condition has, so that the caller can report the unknown ones.
Condition ReadCondition(Mapping& mapping);

// `when`: a condition, or a list of conditions. Reported when it is missing or empty.
std::vector<Condition> ReadConditions(const Field& when);

}  // namespace moa
