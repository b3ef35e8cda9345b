#include "common/grading/shipped_graders.h"

#include <optional>
#include <utility>

#include "common/base/check.h"
#include "common/grading/embedded_graders.h"
#include "common/grading/grader_file.h"

namespace moa {
namespace {

std::vector<Grader> ReadEmbedded() {
  std::vector<Grader> all;
  for (const EmbeddedFile& file : EmbeddedGraders()) {
    Problems problems;
    std::optional<Grader> grader = ReadGrader(file.text, file.name, problems);
    // The files are part of the program, and a test reads them.
    MOA_CHECK(grader.has_value());
    all.push_back(*std::move(grader));
  }
  return all;
}

}  // namespace

const std::vector<Grader>& ShippedGraders() {
  static const auto* const graders = new std::vector<Grader>(ReadEmbedded());
  return *graders;
}

const Grader* FindShippedGrader(absl::string_view name) {
  for (const Grader& grader : ShippedGraders()) {
    if (name == grader.name()) return &grader;
  }
  return nullptr;
}

absl::string_view ShippedGraderText(absl::string_view name) {
  const std::vector<Grader>& all = ShippedGraders();
  for (size_t i = 0; i < all.size(); ++i) {
    if (name == all[i].name()) return EmbeddedGraders()[i].text;
  }
  return "";
}

}  // namespace moa
