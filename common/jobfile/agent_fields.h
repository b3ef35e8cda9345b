#pragma once

#include <utility>

#include "absl/strings/string_view.h"
#include "common/document/field.h"
#include "moa/v1/job.pb.h"

namespace moa {

// What must be there: everything that a MoA needs, or only what changes a preset's.
enum class MoaForm { kWhole, kChanges };

// Reads an agent, a critic, a router or the aggregator. The last two may do without a name.
v1::Agent ReadAgent(const Field& field, MoaForm form, bool name_required);

// Reads a word out of a list into what it stands for; reports another one with the list. `fallback` where it is absent.
template <typename Enum, size_t N>
Enum ReadWord(const Field& field, const std::pair<const char*, Enum> (&words)[N], Enum fallback) {
  const std::optional<std::string> word = field.String();
  if (!word) return fallback;
  std::string list;
  for (const auto& [name, value] : words) {
    if (*word == name) return value;
    list += (list.empty() ? "" : ", ") + std::string(name);
  }
  field.Report("must be one of " + list);
  return fallback;
}

}  // namespace moa
