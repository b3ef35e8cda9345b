#include "common/jobfile/job_file.h"

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "common/document/field.h"
#include "common/jobfile/conversation_fields.h"
#include "common/jobfile/moa_fields.h"
#include "common/jobfile/workshop_file.h"

namespace moa {
namespace {

v1::Budget ReadBudget(const Field& field) {
  v1::Budget budget;
  Mapping m(field);
  if (auto v = m["max_total_tokens"].Unsigned(1)) budget.set_max_total_tokens(*v);
  if (auto v = m["max_upstream_calls"].Unsigned(1, std::numeric_limits<uint32_t>::max())) {
    budget.set_max_upstream_calls(static_cast<uint32_t>(*v));
  }
  if (auto v = m["max_cost_usd"].Number()) budget.set_max_cost_usd(*v);
  m.ReportUnknown();
  return budget;
}

}  // namespace

v1::JobSpec ReadJobSpec(const Document& document, Problems& problems) {
  v1::JobSpec spec;
  Mapping m(Field::Root(document, problems));
  if (auto v = m["name"].String()) spec.set_name(*v);
  if (auto v = m["tenant"].String()) spec.set_tenant(*v);
  ReadConversation(m, spec);
  if (auto v = m["follows"].String()) spec.set_follows(*v);
  if (auto v = m["grades"].String()) spec.set_grades(*v);
  if (auto v = m["preset"].String()) spec.set_preset(*v);
  if (const Field moa = m["moa"]; moa.present()) {
    const bool changes = !spec.preset().empty();
    *spec.mutable_moa() = ReadMoa(moa, changes ? MoaForm::kChanges : MoaForm::kWhole);
  }
  for (const Field& tool : m["tools"].Items()) *spec.add_tools() = ReadTool(tool);
  if (auto v = ReadToolChoice(m["tool_choice"])) *spec.mutable_tool_choice() = *v;
  if (auto v = m["parallel_tool_calls"].Bool()) spec.set_parallel_tool_calls(*v);
  if (auto v = m["deadline"].Duration()) *spec.mutable_deadline() = DurationToProto(*v);
  if (const Field budget = m["budget"]; budget.present()) {
    *spec.mutable_budget() = ReadBudget(budget);
  }
  if (auto v = m["seed"].Unsigned()) spec.set_seed(*v);
  m.ReportUnknown();
  return spec;
}

JobFile ReadJobDocument(Document document, Problems& problems) {
  JobFile job;
  if (IsWorkshopFile(document)) {
    WorkshopJob workshop = ReadWorkshopFile(document, problems);
    job.spec = std::move(workshop.spec);
    job.warnings = std::move(workshop.warnings);
    job.origins = std::move(workshop.origins);
  } else {
    job.spec = ReadJobSpec(document, problems);
  }
  problems.SortByLine();
  job.document = std::move(document);
  return job;
}

std::optional<JobFile> ReadJobFile(absl::string_view text, absl::string_view file,
                                   Problems& problems) {
  const size_t total_before = problems.total();
  std::optional<Document> document = ReadDocument(text, file, problems);
  if (!document) return std::nullopt;
  JobFile job = ReadJobDocument(*std::move(document), problems);
  if (problems.total() != total_before) return std::nullopt;
  return job;
}

Problem JobFile::Locate(absl::string_view field, absl::string_view message) const {
  if (const FieldOrigin* origin = FindOrigin(origins, field)) {
    Problem problem = origin->place;
    problem.message = std::string(message);
    return problem;
  }
  std::string path(field);
  if (absl::StartsWith(path, "messages") && document.root.Find("messages") == nullptr) {
    path = "prompt";
  }
  const Node& node = document.Nearest(path);
  const bool keyed = node.key_line > 0;
  return {document.file, keyed ? node.key_line : node.line, keyed ? node.key_column : node.column,
          std::move(path), std::string(message)};
}

}  // namespace moa
