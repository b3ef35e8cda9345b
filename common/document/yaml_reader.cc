#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/document/document.h"
#include "common/document/text_check.h"
#include "common/document/tree_builder.h"

namespace moa {
namespace {

// Ends yaml-cpp's parse early: its event interface knows no other way. The reason is in the
// problems.
struct StopYaml {};

Position Of(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

class YamlEvents final : public YAML::EventHandler {
 public:
  explicit YamlEvents(TreeBuilder& builder) : builder_(builder) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents_ > 1) {
      Must(builder_.Fail(Of(mark), "only one document is read; another one begins here"));
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Must(builder_.Scalar("", false, Of(mark)));
    Remember(anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto it = anchors_.find(anchor);
    if (it == anchors_.end()) {
      Must(builder_.Fail(Of(mark), "the alias stands inside of what it names"));
    }
    Must(builder_.Graft(it->second, Of(mark)));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    // yaml-cpp gives plain scalars the tag "?" and quoted ones "!".
    const bool text = tag == "!" || tag == "tag:yaml.org,2002:str";
    if (!text && tag != "?" && !tag.empty()) RefuseTag(mark, tag);
    Must(builder_.Scalar(value, text, Of(mark)));
    Remember(anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    Open(NodeKind::kSequence, mark, tag, anchor);
  }
  void OnSequenceEnd() override { Close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    Open(NodeKind::kMapping, mark, tag, anchor);
  }
  void OnMapEnd() override { Close(); }

 private:
  static void Must(bool go_on) {
    if (!go_on) throw StopYaml();
  }

  void RefuseTag(const YAML::Mark& mark, const std::string& tag) {
    Must(builder_.Fail(Of(mark), absl::StrCat("the tag ", tag,
                                              " is not supported; quote a value "
                                              "that is text")));
  }

  void Open(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    if (!tag.empty() && tag != "?" && tag != "!") RefuseTag(mark, tag);
    Must(builder_.Open(kind, Of(mark)));
    open_anchors_.push_back(anchor);
  }

  void Close() {
    Must(builder_.Close());
    const YAML::anchor_t anchor = open_anchors_.back();
    open_anchors_.pop_back();
    Remember(anchor);
  }

  void Remember(YAML::anchor_t anchor) {
    if (anchor == YAML::NullAnchor || builder_.last() == nullptr) return;
    Must(builder_.Charge(*builder_.last()));
    Node& copy = anchors_[anchor] = *builder_.last();
    copy.key.clear();
    copy.key_line = 0;
    copy.key_column = 0;
  }

  TreeBuilder& builder_;
  std::map<YAML::anchor_t, Node> anchors_;
  std::vector<YAML::anchor_t> open_anchors_;
  int documents_ = 0;
};

}  // namespace

std::optional<Document> ReadYaml(absl::string_view text, absl::string_view file, Problems& problems,
                                 const DocumentLimits& limits) {
  if (!CheckText(text, file, limits, problems)) return std::nullopt;
  const size_t total_before = problems.total();
  TreeBuilder builder(file, limits, problems);
  YamlEvents events(builder);
  try {
    // yaml-cpp takes the end of the file for the end of a quoted text; a document's end mark in one
    // is an error.
    std::istringstream stream(absl::StrCat(text, absl::EndsWith(text, "\n") ? "" : "\n", "...\n"));
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(events)) {
    }
  } catch (const StopYaml&) {
    return std::nullopt;
  } catch (const YAML::Exception& error) {
    builder.Fail(Of(error.mark), absl::StrCat("not valid YAML: ", error.msg));
    return std::nullopt;
  }
  Document document{std::string(file), Format::kYaml, builder.Take()};
  if (document.root.IsNull()) builder.Fail({}, "the file is empty");
  if (problems.total() != total_before) return std::nullopt;
  return document;
}

}  // namespace moa
