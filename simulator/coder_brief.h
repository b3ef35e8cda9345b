#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "simulator/chat_request.h"
#include "simulator/coder_issues.h"

namespace moa::simulator::coder {

// An answer with an implementation that the coder is shown.
struct ShownCode {
  IssueSet handled{};  // taken care of in the code
  IssueSet argued{};   // of those, the ones that the words around it name
};

// What a coder gets out of what it is shown. docs/simulator-coder.md says how it is used.
struct Brief {
  IssueSet named{};       // issues named in what is no reference: instructions, the task, feedback
  IssueSet criticised{};  // those of them that feedback names
  bool keeps_name = false;  // somebody said that the function's name must stay
  std::vector<ShownCode> references{};
  size_t references_without_code = 0;
  uint64_t question = 0;  // a hash of the first user message: the task
};

// True when the conversation asks for the function and for text: its name is in it, and no form of another kind is
// wanted.
bool AsksForTheFunction(const ChatRequest& request);

// References are what stands under "[Answer N]" and "[Earlier answer]", up to the paragraph after their last block of
// code, and what assistants said before. Feedback is what stands under "[Feedback]" and what users say after an assistant.
// A block of code outside of these is no reference, but part of the task. Pure; linear in the request.
Brief ReadBrief(const ChatRequest& request);

}  // namespace moa::simulator::coder
