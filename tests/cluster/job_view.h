#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa::cluster {

// What `moactl -o json` prints about a job (DESIGN.md has the form), and what the simulator's
// replies prove.

struct AgentView {
  std::string agent;
  int64_t sample = 0;
  std::string model;
  std::string state;
  std::string content;
  int64_t attempts = 0;
  int64_t prompt_tokens = 0;
};

struct LayerView {
  int64_t layer = 0;
  int64_t round = 0;
  std::vector<AgentView> agents;
};

struct JobView {
  std::string job_id;
  std::string state;
  bool degraded = false;
  std::string answer;
  std::string error_code;
  std::string error_message;
  int64_t upstream_calls = 0;
  std::vector<LayerView> layers;
};

// Reads one object; throws std::runtime_error with the text in it when it is not of that form.
JobView ParseJob(absl::string_view json);

// The simulator puts a tag into each reply: the digest of the prompt it answers, and the digests of
// the replies it found in that prompt. "" and {} where there is no tag.
std::string DigestOf(absl::string_view reply);
std::vector<std::string> SawOf(absl::string_view reply);
// DigestOf of each agent's content, in order.
std::vector<std::string> DigestsOf(const LayerView& layer);

}  // namespace moa::cluster
