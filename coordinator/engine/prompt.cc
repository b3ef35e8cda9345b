#include "coordinator/engine/prompt.h"

#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

constexpr absl::string_view kBeforeReferences =
    "Several models have each answered the latest request of this conversation. These are their "
    "answers, in no particular order:\n\n";
constexpr absl::string_view kAfterReferences =
    "\n\nNow give your own single reply to that latest request. Use the answers as material, not "
    "as "
    "truth: any of them may be biased, incomplete or plainly wrong, and that several agree proves "
    "nothing. Check what they claim, keep what holds, settle where they contradict each other and "
    "add what they miss. Do not merely repeat or string them together, and do not mention them: "
    "the "
    "reader has not seen them. Keep to the language and the format that the request asks for.";

void AppendReferences(const std::vector<Reference>& references, std::string* out) {
  for (size_t i = 0; i < references.size(); ++i) {
    absl::StrAppend(out, i == 0 ? "" : "\n\n", "[Answer ", i + 1, "]\n",
                    references[i].content.view());
  }
}

size_t ReferencesSize(const std::vector<Reference>& references) {
  size_t size = 0;
  for (const Reference& reference : references) size += reference.content.size() + 24;
  return size;
}

}  // namespace

Text RenderReferencesMessage(const std::vector<Reference>& references) {
  if (references.empty()) return Text();
  std::string out;
  out.reserve(kBeforeReferences.size() + ReferencesSize(references) + kAfterReferences.size());
  absl::StrAppend(&out, kBeforeReferences);
  AppendReferences(references, &out);
  absl::StrAppend(&out, kAfterReferences);
  return Text(std::move(out));
}

Text RenderReferenceList(const std::vector<Reference>& references) {
  std::string out;
  out.reserve(ReferencesSize(references));
  AppendReferences(references, &out);
  return Text(std::move(out));
}

bool AsksForReferences(const Text& system_prompt) {
  return system_prompt.view().find(kHelperResponseToken) != absl::string_view::npos;
}

// One pass over the prompt only: a token inside a reference is text like any other.
Text SubstituteReferences(const Text& system_prompt, const Text& list) {
  absl::string_view rest = system_prompt.view();
  size_t at = rest.find(kHelperResponseToken);
  if (at == absl::string_view::npos) return system_prompt;
  std::string out;
  out.reserve(rest.size() + list.size());
  while (at != absl::string_view::npos) {
    absl::StrAppend(&out, rest.substr(0, at), list.view());
    rest.remove_prefix(at + kHelperResponseToken.size());
    at = rest.find(kHelperResponseToken);
  }
  absl::StrAppend(&out, rest);
  return Text(std::move(out));
}

}  // namespace moa
