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

void AppendReferences(const std::vector<Reference>& references, uint32_t first_number,
                      std::string* out) {
  for (size_t i = 0; i < references.size(); ++i) {
    absl::StrAppend(out, i == 0 ? "" : "\n\n", "[Answer ", i + first_number, "]\n",
                    references[i].content.view());
  }
}

size_t ReferencesSize(const std::vector<Reference>& references) {
  size_t size = 0;
  for (const Reference& reference : references) size += reference.content.size() + 24;
  return size;
}

}  // namespace

Text RenderReferencesMessage(const std::vector<Reference>& references,
                             const ReferenceRules& rules) {
  if (references.empty()) return Text();
  if (!rules.wrapper.empty()) return RenderReferenceList(references, rules);
  std::string out;
  out.reserve(kBeforeReferences.size() + ReferencesSize(references) + kAfterReferences.size());
  absl::StrAppend(&out, kBeforeReferences);
  AppendReferences(references, rules.first_number, &out);
  absl::StrAppend(&out, kAfterReferences);
  return Text(std::move(out));
}

Text RenderReferenceList(const std::vector<Reference>& references, const ReferenceRules& rules) {
  if (references.empty()) return Text();
  std::string out;
  out.reserve(ReferencesSize(references));
  AppendReferences(references, rules.first_number, &out);
  Text list(std::move(out));
  return rules.wrapper.empty() ? list : ReplaceToken(rules.wrapper, kResponsesToken, list);
}

bool AsksForReferences(const Text& system_prompt) {
  return system_prompt.view().find(kHelperResponseToken) != absl::string_view::npos;
}

Text ReplaceToken(const Text& text, absl::string_view token, const Text& list) {
  absl::string_view rest = text.view();
  size_t at = rest.find(token);
  if (at == absl::string_view::npos) return text;
  std::string out;
  out.reserve(rest.size() + list.size());
  while (at != absl::string_view::npos) {
    absl::StrAppend(&out, rest.substr(0, at), list.view());
    rest.remove_prefix(at + token.size());
    at = rest.find(token);
  }
  absl::StrAppend(&out, rest);
  return Text(std::move(out));
}

Text SubstituteReferences(const Text& system_prompt, const Text& list) {
  return ReplaceToken(system_prompt, kHelperResponseToken, list);
}

}  // namespace moa
