#include "simulator/coder_skills.h"

#include <algorithm>
#include <iterator>

namespace moa::simulator::coder {
namespace {

// clang-format off
constexpr Skill kSkills[] = {
    //                  division empty  keys  average sorting nobody mutation fewer dates robust top five  merging attention slips
    {"gpt-oss-120b",    {   0.3,   0.1, -0.4,    0.5,    0.9,   0.0,    0.1,   0.8,  0.2,  -0.8,   0.5},    1.00,     4.0,   1.0},
    {"qwen-3.8-27b",    {  -0.1,   0.3,  0.3,   -0.2,    0.6,  -0.2,    0.5,   0.4, -0.2,  -0.3,   0.2},    0.85,     3.0,   1.2},
    {"gemma-4-31b",     {  -0.2,   0.2, -0.2,    0.0,    0.5,   0.2,   -0.4,   0.4,  0.2,  -0.9,   0.1},    0.75,     2.5,   1.2},
    {"kimi-k2.6",       {   0.0,   0.1,  0.0,    0.3,    0.7,   0.1,    0.1,   0.5, -0.2,  -0.6,   0.3},    0.90,     3.5,   1.0},
    {"kimi-k2.7-code",  {   0.4,   0.1,  0.2,    0.3,    0.9,   0.2,   -0.3,   0.7,  0.0,  -0.2,   0.6},    0.80,     3.0,   0.6},
    {"glm-5",           {   0.1,  -0.1,  0.0,    0.2,    0.6,   0.2,    0.3,   0.4,  0.2,  -0.6,   0.2},    0.85,     3.5,   1.0},
    {"glm-5.1",         {   0.2,   0.0,  0.0,    0.4,    0.7,   0.3,    0.3,   0.5,  0.3,  -0.4,   0.3},    0.95,     4.0,   0.9},
    {"step-3.5-flash",  {  -0.5,  -0.2, -0.5,   -0.2,    0.3,  -0.5,    0.0,   0.2, -0.4,  -1.1,   0.0},    0.60,     2.0,   2.0},
    {"step-3.7-flash",  {  -0.3,   0.0, -0.3,   -0.1,    0.4,  -0.3,    0.1,   0.3, -0.2,  -0.9,   0.1},    0.65,     2.0,   1.6},
};
// clang-format on

}  // namespace

const Skill& SkillOf(absl::string_view model) {
  const auto* found = std::find_if(std::begin(kSkills), std::end(kSkills),
                                   [&](const Skill& skill) { return model == skill.model; });
  return found == std::end(kSkills) ? kSkills[0] : *found;
}

}  // namespace moa::simulator::coder
