#pragma once

#include <array>

#include "simulator/coder_program.h"

namespace moa::simulator::coder {

// The points that each check would give to a program, worked out from what its fragments were meant to do: no Python is
// written or run. In the order of Issue, which is the grader's.
std::array<int, kIssues.size()> IntendedPoints(const Program& program);

}  // namespace moa::simulator::coder
