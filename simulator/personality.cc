#include "simulator/personality.h"

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace moa::simulator {
namespace {

absl::Status Wrong(absl::string_view spec, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("'", spec, "': ", what));
}

bool ReadShare(absl::string_view text, double* share) {
  return absl::SimpleAtod(text, share) && *share >= 0 && *share <= 1;
}

// "2of8"
bool ReadBest(absl::string_view text, JudgeStyle* style) {
  const size_t of = text.find("of");
  return of != absl::string_view::npos && absl::SimpleAtoi(text.substr(0, of), &style->best) &&
         absl::SimpleAtoi(text.substr(of + 2), &style->of) && style->best >= 0 && style->of >= 1 &&
         style->best <= style->of;
}

bool ReadShape(absl::string_view text, JudgeStyle* style) {
  constexpr std::pair<const char*, JudgeStyle::Shape> kShapes[] = {
      {"babble", JudgeStyle::Shape::kBabble},
      {"fenced", JudgeStyle::Shape::kFenced},
      {"think", JudgeStyle::Shape::kThink},
      {"hang", JudgeStyle::Shape::kHang},
      {"truncated", JudgeStyle::Shape::kTruncated}};
  for (const auto& [name, shape] : kShapes) {
    if (text != name) continue;
    style->shape = shape;
    return true;
  }
  return false;
}

bool ReadJudge(absl::string_view text, JudgeStyle* style) {
  if (ReadShape(text, style)) return true;
  if (text == "all" || text == "none") {
    style->rule = JudgeStyle::Rule::kShare;
    style->share = text == "all" ? 1 : 0;
    return true;
  }
  if (absl::ConsumePrefix(&text, "accept:")) {
    style->rule = JudgeStyle::Rule::kBest;
    if (ReadBest(text, style)) return true;
    style->rule = JudgeStyle::Rule::kShare;
    return ReadShare(text, &style->share);
  }
  if (absl::ConsumePrefix(&text, "none-then:")) {
    style->rule = JudgeStyle::Rule::kNoneThen;
    return ReadShare(text, &style->share);
  }
  if (absl::ConsumePrefix(&text, "disagree:")) {
    style->rule = JudgeStyle::Rule::kDisagree;
    return ReadShare(text, &style->share);
  }
  return false;
}

bool ReadRouter(absl::string_view text, Personality::Router* router) {
  constexpr std::pair<const char*, Personality::Router> kRouters[] = {
      {"some", Personality::Router::kSome},
      {"nobody", Personality::Router::kNobody},
      {"unknown", Personality::Router::kUnknown},
      {"babble", Personality::Router::kBabble}};
  for (const auto& [name, value] : kRouters) {
    if (text != name) continue;
    *router = value;
    return true;
  }
  return false;
}

bool ReadLength(absl::string_view text, Personality* personality) {
  double low = 0;
  double high = 0;
  const size_t dash = text.find('-');
  if (!absl::ConsumePrefix(&text, "share:")) return false;
  if (dash == absl::string_view::npos) {
    if (!ReadShare(text, &low)) return false;
    high = low;
  } else if (!ReadShare(text.substr(0, text.find('-')), &low) ||
             !ReadShare(text.substr(text.find('-') + 1), &high) || low > high) {
    return false;
  }
  personality->length = {low, high};
  return true;
}

}  // namespace

const char* const kPersonalityHelp =
    "critic=accept:P, accept:KofN, all, none, none-then:P (rejects first rounds), disagree:P, "
    "babble, fenced, think, truncated or hang; rater=, the same; router=some, nobody, unknown or "
    "babble; voter=agree:P; planner=confidence:P (that share is sure); length=share:P or "
    "share:P-Q, of max_completion_tokens; coder=on or off (writes calculate_user_metrics). A "
    "prompt's system message can hold [personality SPEC]";

absl::Status ApplyPersonality(absl::string_view spec, Personality* personality) {
  absl::string_view value = spec;
  if (absl::ConsumePrefix(&value, "critic=")) {
    if (ReadJudge(value, &personality->critic)) return absl::OkStatus();
    return Wrong(spec,
                 "a critic is accept:P, accept:KofN, all, none, none-then:P, disagree:P, "
                 "babble, fenced, think, truncated or hang");
  }
  if (absl::ConsumePrefix(&value, "rater=")) {
    if (ReadJudge(value, &personality->rater)) return absl::OkStatus();
    return Wrong(spec, "a rater is what a critic is");
  }
  if (absl::ConsumePrefix(&value, "router=")) {
    if (ReadRouter(value, &personality->router)) return absl::OkStatus();
    return Wrong(spec, "a router is some, nobody, unknown or babble");
  }
  if (absl::ConsumePrefix(&value, "voter=agree:")) {
    if (ReadShare(value, &personality->agree)) return absl::OkStatus();
    return Wrong(spec, "voters agree with a share from 0 to 1");
  }
  if (absl::ConsumePrefix(&value, "planner=confidence:")) {
    if (ReadShare(value, &personality->confident)) return absl::OkStatus();
    return Wrong(spec, "planners are confident with a share from 0 to 1");
  }
  if (absl::ConsumePrefix(&value, "coder=")) {
    if (value != "on" && value != "off") return Wrong(spec, "a coder is on or off");
    personality->coder = value == "on";
    return absl::OkStatus();
  }
  if (absl::ConsumePrefix(&value, "length=")) {
    if (ReadLength(value, personality)) return absl::OkStatus();
    return Wrong(spec, "a length is share:P or share:P-Q with shares from 0 to 1");
  }
  return Wrong(spec,
               "begins with none of critic=, rater=, router=, voter=agree:, "
               "planner=confidence:, length=, coder=");
}

Personality PersonalityFor(const ChatRequest& request, const Personality& base) {
  constexpr absl::string_view kMark = "[personality ";
  Personality personality = base;
  for (const ChatMessage& message : request.messages) {
    if (message.role != "system" && message.role != "developer") continue;
    absl::string_view rest = message.content;
    for (size_t at = rest.find(kMark); at != absl::string_view::npos; at = rest.find(kMark)) {
      rest.remove_prefix(at + kMark.size());
      const size_t end = rest.find(']');
      if (end == absl::string_view::npos) break;
      ApplyPersonality(rest.substr(0, end), &personality).IgnoreError();
    }
  }
  return personality;
}

}  // namespace moa::simulator
