#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "simulator/chat_request.h"

namespace moa::simulator {

// The whole prompt of a request in one canonical text, and what is read off it.
//
// The text is, for each message, its role, 0x1F, its content, its other fields, 0x1E. The digest is
// a hash of the model's id, the request's seed and that text: equal requests have equal digests,
// and a changed byte anywhere in the conversation changes it.
//
// Every reply carries its digest in a tag that stands in the reply's first line:
//
//   [sim model=gpt-oss-120b messages=2 digest=00f3c1d2a4b59687 saw=8d0c…e1,41aa…07]
//
// `messages` is how many the request had; `saw` lists the digests of all tags found in the prompt,
// in the order of the text, repetitions included ("-" when there is none, "+N" at the end when N
// more than 64 were found). So an aggregator's answer proves which references reached it, and in
// which order. The form is stable: FindDigests reads it, and so may any test with the pattern
// `digest=([0-9a-f]{16})`.
struct Prompt {
  std::string text;
  uint64_t digest = 0;
  std::vector<std::string> saw;  // at most kSawMax
  size_t saw_more = 0;           // found beyond those
  int64_t tokens = 0;            // estimate: see CountTokens
};

inline constexpr size_t kSawMax = 64;

// `model_id` is the canonical one. A request without a seed counts as seed 0.
Prompt RenderPrompt(const ChatRequest& request, absl::string_view model_id);

// The tag above. `choice` is 0 for the first choice; others get a digest of their own.
std::string ReplyTag(const Prompt& prompt, absl::string_view model_id, size_t messages,
                     int64_t choice);

// Digests of the tags in `text`, in order; counts those beyond `max` in `*more`.
std::vector<std::string> FindDigests(absl::string_view text, size_t max, size_t* more);

// One token for each four bytes, rounded up: for prompts and replies alike.
int64_t CountTokens(size_t bytes);

}  // namespace moa::simulator
