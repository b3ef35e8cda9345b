#include "coordinator/rpc/graders.h"

#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/grading/grader_file.h"
#include "common/grading/shipped_graders.h"
#include "common/hash/sha256.h"

namespace moa {
namespace {

std::string ShippedNames() {
  return absl::StrJoin(ShippedGraders(), ", ", [](std::string* out, const Grader& grader) {
    absl::StrAppend(out, grader.name());
  });
}

// Of a definition that reads `name`.
std::string IdOf(const std::string& name, absl::string_view definition) {
  if (definition == ShippedGraderText(name)) return name;
  constexpr size_t kBytes = 4;
  return absl::StrCat(
      name, "@", absl::BytesToHexString(absl::string_view(Sha256(definition)).substr(0, kBytes)));
}

class Resolver {
 public:
  explicit Resolver(std::vector<Violation>* violations) : violations_(*violations) {}

  void Visit(const std::string& path, v1::Agent* agent) {
    if (!agent->has_grader()) return;
    path_ = path + ".grader";
    v1::Grader& grader = *agent->mutable_grader();
    if (grader.definition().empty()) {
      LookUp(&grader);
    } else {
      Read(&grader);
    }
  }

 private:
  void Add(absl::string_view field, std::string description) {
    violations_.push_back({absl::StrCat(path_, field), std::move(description)});
  }

  void LookUp(v1::Grader* grader) {
    const absl::string_view text = ShippedGraderText(grader->name());
    if (text.empty()) {
      Add("", absl::StrCat(grader->name().empty()
                               ? "names no grader and has no definition"
                               : "names a grader that does not come with the programs",
                           "; there is ", ShippedNames(), ", and a definition can be given"));
    }
    grader->set_definition(text.data(), text.size());
  }

  void Read(v1::Grader* grader) {
    if (grader->definition().size() > kGraderBytesMax) {
      return Add(".definition", absl::StrCat("has ", grader->definition().size(),
                                             " bytes; at most ", kGraderBytesMax, " are allowed"));
    }
    Problems problems;
    const std::optional<Grader> read = ReadGrader(grader->definition(), "definition", problems);
    for (const Problem& problem : problems.shown()) {
      Add(".definition", absl::StrCat("line ", problem.line, problem.path.empty() ? "" : ", ",
                                      problem.path, ": ", problem.message));
    }
    if (!read) return;
    const std::string id = IdOf(read->name(), grader->definition());
    if (!grader->name().empty() && grader->name() != read->name() && grader->name() != id) {
      Add(".name", absl::StrCat("is ", grader->name(), ", but the definition calls itself ",
                                read->name(), ": leave it out"));
    }
    const absl::string_view shipped = ShippedGraderText(read->name());
    if (!shipped.empty() && grader->definition() != shipped) {
      Add(".definition", absl::StrCat("calls itself ", read->name(),
                                      ", as a grader that comes with the programs: give it a name "
                                      "of its own"));
    }
    grader->set_name(id);
  }

  std::vector<Violation>& violations_;
  std::string path_;
};

}  // namespace

void ResolveGraders(v1::Moa* moa, std::vector<Violation>* violations) {
  Resolver resolver(violations);
  for (int l = 0; l < moa->layers_size(); ++l) {
    if (!moa->layers(l).has_critique()) continue;
    v1::Critique& critique = *moa->mutable_layers(l)->mutable_critique();
    for (int c = 0; c < critique.critics_size(); ++c) {
      resolver.Visit(absl::StrCat("moa.layers[", l, "].critique.critics[", c, "]"),
                     critique.mutable_critics(c));
    }
  }
  if (moa->has_aggregator()) resolver.Visit("moa.aggregator", moa->mutable_aggregator());
}

absl::StatusOr<std::string> GraderId(const v1::Grader& grader) {
  // As grades have it.
  const bool is_id = grader.definition().empty() && absl::StrContains(grader.name(), '@');
  if (is_id) return grader.name();
  v1::Agent agent;
  *agent.mutable_grader() = grader;
  std::vector<Violation> violations;
  Resolver(&violations).Visit("", &agent);
  if (violations.empty()) return agent.grader().name();
  return absl::InvalidArgumentError(absl::StrCat(absl::string_view(violations[0].field).substr(1),
                                                 ": ", violations[0].description));
}

}  // namespace moa
