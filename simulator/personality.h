#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "simulator/chat_request.h"

namespace moa::simulator {

// How a critic or a rater judges: which answers it accepts, and in what shape it says so.
struct JudgeStyle {
  enum class Rule {
    kShare,     // each answer with a probability, by what it says
    kBest,      // the best `best` of `of`
    kNoneThen,  // nothing of a first round; of revised answers a share
    kDisagree,  // a share, but of other answers than another critic
  };
  enum class Shape { kJson, kBabble, kFenced, kThink, kTruncated, kHang };
  Rule rule = Rule::kShare;
  double share = 0.5;
  int64_t best = 0;
  int64_t of = 0;
  Shape shape = Shape::kJson;
};

// What a model is like beyond its model: how judges judge, routers pick, voters agree, planners trust themselves, and
// how long replies are. Replies stay functions of seed and prompt.
struct Personality {
  enum class Router { kSome, kNobody, kUnknown, kBabble };
  JudgeStyle critic{};
  JudgeStyle rater{};
  Router router = Router::kSome;
  double agree = 0.7;       // of voters
  double confident = 0.75;  // of planners, the share at 0.7 or above
  bool coder = true;        // writes the challenge's function, and edits prompts: coder_reply.h
  // Reply and reasoning together take a share of max_completion_tokens between these; absent: --reply-tokens counts.
  std::optional<std::pair<double, double>> length{};
};

// Changes `personality` by one SPEC; InvalidArgument names the part that is wrong and what would be right.
//
//   critic=accept:0.3 | accept:2of8 | all | none | none-then:0.5 | disagree:0.5
//   critic=babble | fenced | think | truncated | hang            rater=… the same
//   router=some | nobody | unknown | babble        voter=agree:0.6
//   planner=confidence:0.7                         length=share:0.2-0.5
//   coder=on | off
absl::Status ApplyPersonality(absl::string_view spec, Personality* personality);

// Kinds, for --help.
extern const char* const kPersonalityHelp;

// `base` changed by every "[personality SPEC]" in the request's system messages; specs that are wrong there are ignored.
Personality PersonalityFor(const ChatRequest& request, const Personality& base);

}  // namespace moa::simulator
