#include "simulator/prompt.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "simulator/digest.h"

namespace moa::simulator {
namespace {

constexpr absl::string_view kTagStart = "[sim model=";
constexpr absl::string_view kDigestField = " digest=";
constexpr size_t kDigestSize = 16;
constexpr size_t kTagHeadSizeMax = 200;  // from the tag's start to the end of its digest
constexpr int64_t kTokensPerMessage = 4;
constexpr int64_t kTokensPerImage = 280;

// The digest of the tag that begins at `tag`; empty when that is no tag.
absl::string_view DigestOfTag(absl::string_view tag) {
  tag = tag.substr(0, kTagHeadSizeMax);
  const size_t field = tag.find(kDigestField);
  if (field == absl::string_view::npos || tag.find(']') < field) return {};
  const absl::string_view digest = tag.substr(field + kDigestField.size(), kDigestSize);
  if (digest.size() < kDigestSize) return {};
  for (const char c : digest) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c)) && (c < 'a' || c > 'f')) return {};
  }
  return digest;
}

}  // namespace

int64_t CountTokens(size_t bytes) { return static_cast<int64_t>((bytes + 3) / 4); }

std::vector<std::string> FindDigests(absl::string_view text, size_t max, size_t* more) {
  std::vector<std::string> found;
  *more = 0;
  for (size_t at = text.find(kTagStart); at != absl::string_view::npos;
       at = text.find(kTagStart, at + kTagStart.size())) {
    const absl::string_view digest = DigestOfTag(text.substr(at));
    if (digest.empty()) continue;
    if (found.size() < max) {
      found.emplace_back(digest);
    } else {
      ++*more;
    }
  }
  return found;
}

Prompt RenderPrompt(const ChatRequest& request, absl::string_view model_id) {
  Prompt prompt;
  size_t size = 0;
  for (const ChatMessage& message : request.messages) {
    size += message.role.size() + message.content.size() + message.extra.size() + 2;
  }
  prompt.text.reserve(size);
  size_t bytes = 0;
  for (const ChatMessage& message : request.messages) {
    prompt.text += message.role;
    prompt.text += '\x1f';
    prompt.text += message.content;
    prompt.text += message.extra;
    prompt.text += '\x1e';
    // An image's bytes are in `extra`, but count by the image.
    bytes += message.content.size() + (message.images == 0 ? message.extra.size() : 0);
    prompt.tokens += kTokensPerMessage + kTokensPerImage * message.images;
  }
  for (const ToolDefinition& tool : request.tools)
    bytes += tool.name.size() + tool.parameters.size();
  prompt.tokens += CountTokens(bytes);
  const auto seed = static_cast<uint64_t>(request.seed.value_or(0));
  prompt.digest = Hash64(prompt.text, Hash64(model_id, seed));
  prompt.saw = FindDigests(prompt.text, kSawMax, &prompt.saw_more);
  return prompt;
}

std::string ReplyTag(const Prompt& prompt, absl::string_view model_id, size_t messages,
                     int64_t choice) {
  const uint64_t digest =
      choice == 0 ? prompt.digest : Hash64("choice", prompt.digest + static_cast<uint64_t>(choice));
  std::string tag = absl::StrCat(kTagStart, model_id, " messages=", messages, kDigestField,
                                 Hex16(digest), " saw=");
  absl::StrAppend(&tag, prompt.saw.empty() ? "-" : absl::StrJoin(prompt.saw, ","));
  if (prompt.saw_more > 0) absl::StrAppend(&tag, "+", prompt.saw_more);
  tag += ']';
  return tag;
}

}  // namespace moa::simulator
