#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace moa {

// A command with its flags, as the command line knows them.
struct CommandWords {
  std::string name;
  std::string help;                // one line
  std::vector<std::string> flags;  // "--wait", "-f"
  bool takes_job = false;          // its argument is a job's id
};

// A completion script for bash, zsh or fish; empty for another shell. Job ids are completed by
// asking the coordinator.
std::string CompletionScript(absl::string_view shell, const std::vector<CommandWords>& commands);

}  // namespace moa
