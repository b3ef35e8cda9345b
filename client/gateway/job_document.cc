#include "client/gateway/job_document.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/gateway/request_nodes.h"
#include "common/jobfile/job_file.h"

namespace moa::gateway {
namespace {

// Fields of `moa` that a job file has beside its `moa`.
constexpr const char* kJobFields[] = {"name", "tenant", "follows", "deadline", "budget"};

}  // namespace

JobDocument::JobDocument(AnswerRequest* request) : request_(request), moa_(MappingNode("moa")) {
  document_.file = "body";
  document_.format = Format::kJson;
  document_.root = MappingNode("");
  // Which it is is not known yet. With one, fields may be missing.
  document_.root.children.push_back(TextNode("preset", "?", Node()));
  request_->names.Add("preset", "model");
}

void JobDocument::Add(const Field& field) {
  if (field.present()) Add(field.node());
}

void JobDocument::AddMoa(const Field& extension) {
  Mapping m(extension);
  request_->progress = m["progress"].Bool().value_or(false);
  if (!m.present()) return;
  for (const Node& child : extension.node().children) {
    if (child.key == "progress") continue;
    const bool is_job_field = std::any_of(std::begin(kJobFields), std::end(kJobFields),
                                          [&](const char* name) { return child.key == name; });
    if (!is_job_field) {
      moa_.children.push_back(child);
      continue;
    }
    if (document_.root.Find(child.key) != nullptr) {
      m[child.key].Report(
          absl::StrCat("is given twice, as ", request_->names.InRequest(child.key), " too"));
      continue;
    }
    request_->names.Add(child.key, absl::StrCat("moa.", child.key));
    Add(child);
  }
  aggregator_given_ = FindChild(&moa_, "aggregator") != nullptr;
}

void JobDocument::AddToAggregator(const Field& field, const std::string& agent_field, Node node) {
  if (!field.present()) return;
  if (FindChild(&moa_, "aggregator") == nullptr) {
    moa_.children.push_back(MappingNode("aggregator"));
  }
  Node* aggregator = FindChild(&moa_, "aggregator");
  if (aggregator->kind != NodeKind::kMapping) return;
  if (FindChild(aggregator, agent_field) != nullptr) {
    return field.Report(absl::StrCat("is given twice, as ", agent_field,
                                     aggregator_given_ ? " of moa.aggregator too" : " too"));
  }
  request_->names.Add(absl::StrCat("moa.aggregator.", agent_field), field.path());
  aggregator->children.push_back(Named(std::move(node), agent_field));
}

void JobDocument::ReadInto(Problems& problems) {
  if (!moa_.children.empty()) Add(std::move(moa_));
  Problems found;
  request_->spec = ReadJobSpec(document_, found);
  request_->spec.clear_preset();
  for (Problem problem : found.shown()) {
    problem.path = request_->names.InRequest(problem.path);
    problems.Add(std::move(problem));
  }
}

}  // namespace moa::gateway
