#include "common/jobfile/workshop_agents.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/text.h"

namespace moa {
namespace {

constexpr size_t kNameMax = 64;

// A name as warnings show it.
std::string Shown(absl::string_view name) {
  const absl::string_view start = Utf8Prefix(name, kNameMax);
  return absl::StrCat("\"", start, start.size() < name.size() ? "…" : "", "\"");
}

// `name`, or with a number behind it the first one that is free.
std::string FreeName(const std::string& name, const std::set<std::string>& taken) {
  std::string free = name;
  for (size_t i = 2; taken.count(free) > 0; ++i) {
    const std::string number = absl::StrCat("-", i);
    free = name.substr(0, kNameMax - number.size()) + number;
  }
  return free;
}

// The name as the file has it; nullopt, reported, when it is no text.
std::optional<std::string> GivenName(const Field& agents, const Field& agent, Field& name_at) {
  if (agents.node().kind == NodeKind::kMapping) return agent.node().key;
  if (agent.node().kind != NodeKind::kMapping) return "";
  name_at = Mapping(agent)["name"];
  if (!name_at.present()) return "";
  return name_at.String();
}

}  // namespace

std::string JobAgentName(absl::string_view name) {
  std::string usable;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    const bool allowed =
        absl::ascii_isalnum(byte) || absl::string_view("._- ").find(c) != absl::string_view::npos;
    if (allowed) {
      usable += c;
    } else if ((byte & 0xC0) != 0x80) {  // once for each character, not for each of its bytes
      usable += '_';
    }
  }
  usable = std::string(absl::StripAsciiWhitespace(usable)).substr(0, kNameMax);
  absl::StripTrailingAsciiWhitespace(&usable);
  return usable.find_first_not_of('_') == std::string::npos ? "" : usable;
}

std::vector<WorkshopAgent> ReadWorkshopAgents(const Field& agents, WorkshopNotes& notes) {
  std::vector<WorkshopAgent> read;
  if (!agents.present()) return read;
  const bool mapping = agents.node().kind == NodeKind::kMapping;
  std::set<std::string> given_names;
  for (const Field& agent : mapping ? agents.Entries() : agents.Items()) {
    if (!agent.present()) continue;
    Field name_at = agent;
    std::optional<std::string> name = GivenName(agents, agent, name_at);
    if (!name) continue;
    if (!name->empty() && !given_names.insert(*name).second) {
      name_at.Report("another agent has the same name");
    }
    read.push_back({*std::move(name), std::move(name_at), agent});
  }
  // Names that are fine keep themselves, whatever the others become.
  std::set<std::string> taken;
  for (const WorkshopAgent& agent : read) {
    if (!agent.name.empty() && JobAgentName(agent.name) == agent.name) taken.insert(agent.name);
  }
  for (size_t i = 0; i < read.size(); ++i) {
    WorkshopAgent& agent = read[i];
    std::string usable = JobAgentName(agent.name);
    if (!usable.empty() && usable == agent.name) continue;
    if (usable.empty()) usable = absl::StrCat("agent-", i + 1);
    usable = FreeName(usable, taken);
    taken.insert(usable);
    notes.Warn(
        agent.name_at,
        absl::StrCat(agent.name.empty() ? "is missing" : absl::StrCat("is ", Shown(agent.name)),
                     "; the agent is called \"", usable,
                     "\" here (1 to 64 of A-Z a-z 0-9 . _ - and space)"));
    agent.name = std::move(usable);
  }
  return read;
}

}  // namespace moa
