#include "client/gateway/job_convert.h"

#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/gateway/problem_json.h"
#include "client/json/job_json.h"
#include "client/json/workshop_export.h"
#include "client/json/yaml_text.h"
#include "common/document/json_text.h"
#include "common/jobfile/job_file.h"
#include "common/jobfile/workshop_file.h"

namespace moa::gateway {
namespace {

// What people write is far smaller. All other clients of this gateway wait while a file is read, and YAML is slow to read:
// some 50,000 nodes or 3 MB of text a second.
constexpr size_t kFileBytesMax = 2 << 20;
constexpr DocumentLimits kLimits{.nodes_max = 20'000, .expanded_bytes_max = 4 << 20};
// What a double holds exactly.
constexpr uint64_t kExactMax = uint64_t{1} << 53;

// Numbers that do not survive in programs whose numbers are doubles.
void WarnOfLargeNumbers(const Node& node, const std::string& path, Problems& warnings) {
  if (node.kind == NodeKind::kScalar) {
    uint64_t value = 0;
    if (!node.quoted && absl::SimpleAtoi(node.text, &value) && value > kExactMax) {
      warnings.Add({"", node.line, node.column, path,
                    "is above 2^53: browsers and other readers of JSON round it"});
    }
    return;
  }
  for (size_t i = 0; i < node.children.size(); ++i) {
    const Node& child = node.children[i];
    const std::string below = node.kind == NodeKind::kSequence ? absl::StrCat(path, "[", i, "]")
                              : path.empty()                   ? child.key
                                                               : absl::StrCat(path, ".", child.key);
    WarnOfLargeNumbers(child, below, warnings);
  }
}

void WriteJob(const std::string& json, ObjectWriter& out) {
  Problems none;
  const std::optional<Document> document = ReadJson(json, "job", none);
  out.Raw("job", json);
  // What is too large for a document is JSON, which is YAML as well.
  out.Text("yaml", document ? YamlText(document->root) : json + "\n");
}

void WriteWorkshop(const v1::JobSpec& job, absl::string_view exported_at, ObjectWriter& out) {
  const WorkshopExport exported = ExportWorkshop(job, exported_at);
  out.BeginObject("workshop");
  if (exported.json.empty()) {
    out.Null("file");
  } else {
    out.Text("file", exported.json);
  }
  WriteProblems("notes", exported.notes, out);
  out.EndObject();
}

}  // namespace

std::variant<std::string, ApiError> ConvertedJob(absl::string_view text, absl::string_view file,
                                                 absl::string_view exported_at) {
  if (text.size() > kFileBytesMax) {
    return ApiError{.status = 413,
                    .type = "invalid_request_error",
                    .message = "the file is larger than 2 MiB, the most that is converted"};
  }
  Problems problems;
  std::optional<Document> document =
      ReadDocument(text, file.empty() ? "-" : file, problems, kLimits);
  if (!document) return ErrorOfProblems(problems);
  const bool workshop = IsWorkshopFile(*document);
  const JobFile job = ReadJobDocument(*std::move(document), problems);
  Problems warnings = job.warnings;
  WarnOfLargeNumbers(job.document.root, "", warnings);
  warnings.SortByLine();
  ObjectWriter out;
  out.BeginObject();
  out.Text("form", workshop ? "workshop" : "job");
  if (problems.empty()) {
    WriteJob(JobSpecJson(job.spec), out);
    WriteWorkshop(job.spec, exported_at, out);
  } else if (!workshop && job.document.root.kind == NodeKind::kMapping) {
    // As it stands, so that it can be mended.
    WriteJob(ToJson(job.document.root), out);
  }
  WriteProblems("warnings", warnings, out);
  WriteProblems("problems", problems, out);
  out.EndObject();
  return out.Take();
}

}  // namespace moa::gateway
