#include "simulator/role_reply.h"

#include <simdjson.h>

#include <algorithm>
#include <iterator>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "simulator/coder_judge.h"

namespace moa::simulator {
namespace {

constexpr const char* kPraise[] = {
    "It answers what was asked and can be used as it stands.",
    "Complete and consistent; every constraint is kept.",
    "The decisive step is right and is shown.",
};
constexpr const char* kBlame[] = {
    "It skips the step that matters most and asserts the result.",
    "One constraint of the request is broken without a word.",
    "It is vague where a number was asked for, so nobody could act on it.",
    "The order cannot work: what is needed first comes last.",
};
// The word by which a revised reply is known.
constexpr absl::string_view kRevised = "Revised";

absl::string_view LastUserMessage(const ChatRequest& request) {
  for (auto it = request.messages.rbegin(); it != request.messages.rend(); ++it) {
    if (it->role == "user") return it->content;
  }
  return "";
}

bool SystemAsksFor(const ChatRequest& request, absl::string_view line) {
  return std::any_of(request.messages.begin(), request.messages.end(), [&](const ChatMessage& m) {
    return m.role == "system" && absl::StrContains(m.content, line);
  });
}

double Uniform(uint64_t hash) { return static_cast<double>(hash >> 11) * 0x1.0p-53; }

// The properties at the schema's root, with the text of the whole for what is nested.
struct Form {
  bool verdicts = false;
  bool score = false;
  bool accept = false;
  bool done = false;
  std::vector<std::string> names{};  // the enum of `agents`
  bool agents = false;
};

Form FormOf(const ChatRequest& request) {
  Form form;
  if (request.response_format != ResponseFormat::kJsonSchema) return form;
  simdjson::dom::parser parser;
  simdjson::dom::object properties;
  const std::string& schema = request.response_schema;
  simdjson::dom::element root;
  if (parser.parse(schema.data(), schema.size()).get(root) != simdjson::SUCCESS ||
      root["properties"].get(properties) != simdjson::SUCCESS) {
    return form;
  }
  const auto has = [&](const simdjson::dom::object& object, const char* name) {
    return object[name].error() == simdjson::SUCCESS;
  };
  form.verdicts = has(properties, "verdicts");
  form.done = has(properties, "done");
  simdjson::dom::object judged = properties;
  if (form.verdicts) {
    simdjson::dom::object item;
    if (root.at_pointer("/properties/verdicts/items/properties").get(item) == simdjson::SUCCESS) {
      judged = item;
    }
  }
  form.score = has(judged, "score") && has(judged, "feedback");
  form.accept = has(judged, "accept");
  simdjson::dom::array names;
  if (root.at_pointer("/properties/agents/items/enum").get(names) == simdjson::SUCCESS) {
    form.agents = true;
    for (const simdjson::dom::element name : names) {
      std::string_view text;
      if (name.get(text) == simdjson::SUCCESS) form.names.emplace_back(text);
    }
  }
  return form;
}

// The answers in a judge's last message, which stand under "[Answer]" or "[Answer N]".
std::vector<std::string> AnswersIn(absl::string_view message) {
  std::vector<std::string> answers;
  size_t at = message.find("[Answer");
  while (at != absl::string_view::npos) {
    const size_t begin = message.find('\n', at);
    if (begin == absl::string_view::npos) break;
    const size_t next = message.find("\n[Answer ", begin);
    const size_t end = message.find("\n[End of the answer", begin);
    answers.emplace_back(message.substr(begin + 1, std::min(next, end) - begin - 1));
    at = next < end ? next + 1 : absl::string_view::npos;
  }
  return answers;
}

struct Opinion {
  double worth = 0;  // 0 to 1: how good the judge finds it
  bool accept = false;
  std::string faults{};  // in the code of a coder
};

std::vector<Opinion> OpinionsOn(const std::vector<std::string>& answers, const JudgeStyle& style,
                                const ChatRequest& request, uint64_t seed) {
  const std::string own = style.rule == JudgeStyle::Rule::kDisagree && !request.messages.empty()
                              ? request.messages.front().content
                              : "";
  std::vector<Opinion> opinions;
  for (const std::string& answer : answers) {
    Opinion opinion{.worth = Uniform(Hash64(absl::StrCat(answer, own), seed))};
    double share = style.share;
    if (style.rule == JudgeStyle::Rule::kBest) {
      share = static_cast<double>(style.best) / static_cast<double>(style.of);
    } else if (style.rule == JudgeStyle::Rule::kNoneThen) {
      const absl::string_view first_line = absl::string_view(answer).substr(0, answer.find('\n'));
      if (!absl::StrContains(first_line, kRevised)) share = 0;
    }
    opinion.accept = opinion.worth >= 1 - share && share > 0;
    opinions.push_back(opinion);
  }
  if (style.rule == JudgeStyle::Rule::kBest && opinions.size() > 1) {
    std::vector<double> worths;
    for (const Opinion& opinion : opinions) worths.push_back(opinion.worth);
    std::sort(worths.rbegin(), worths.rend());
    const auto best = std::min(worths.size(), static_cast<size_t>(style.best));
    for (Opinion& opinion : opinions) {
      opinion.accept = best > 0 && opinion.worth >= worths[best - 1];
    }
  }
  return opinions;
}

void AppendVerdict(const Opinion& opinion, const Form& form, absl::string_view tag, Random& random,
                   std::string* out) {
  // Scores say the same as acceptance: 7 to 10 or 1 to 5; a rater uses 2 to 10.
  const double score = !form.accept     ? 2 + 8 * opinion.worth
                       : opinion.accept ? 7 + 3 * opinion.worth
                                        : 1 + 4 * opinion.worth;
  if (form.accept) absl::StrAppend(out, "\"accept\":", opinion.accept ? "true" : "false", ",");
  absl::StrAppend(out, "\"score\":", static_cast<int>(score * 10) / 10.0, ",\"feedback\":");
  const bool good = form.accept ? opinion.accept : opinion.worth > 0.6;
  const auto pick = [&](const auto& list) {
    return list[static_cast<size_t>(random.Integer(0, static_cast<int64_t>(std::size(list)) - 1))];
  };
  const std::string words = absl::StrCat(good ? pick(kPraise) : pick(kBlame),
                                         opinion.faults.empty() ? "" : " ", opinion.faults);
  AppendJsonString(*out, absl::StrCat(words, tag.empty() ? "" : " ", tag));
}

// What a judge sees in code: a rater's scores follow it, and all name what they notice.
void ReadCode(const std::vector<std::string>& answers, const Form& form, uint64_t seed,
              std::vector<Opinion>* opinions) {
  for (size_t i = 0; i < answers.size(); ++i) {
    Opinion& opinion = (*opinions)[i];
    if (!form.accept) opinion.worth = coder::WorthOf(answers[i], seed).value_or(opinion.worth);
    opinion.faults = coder::FaultsNoticedIn(answers[i], seed);
  }
}

std::string Verdicts(const ChatRequest& request, const Personality& personality, const Form& form,
                     absl::string_view tag, uint64_t seed) {
  Random random(Hash64("verdict", seed));
  const JudgeStyle& style = form.accept ? personality.critic : personality.rater;
  const std::vector<std::string> answers = AnswersIn(LastUserMessage(request));
  std::vector<Opinion> opinions = OpinionsOn(answers, style, request, seed);
  if (personality.coder) ReadCode(answers, form, seed, &opinions);
  std::string out = "{";
  if (!form.verdicts) {
    AppendVerdict(opinions.empty() ? Opinion() : opinions.front(), form, tag, random, &out);
    return out + "}";
  }
  out += "\"verdicts\":[";
  for (size_t i = 0; i < opinions.size(); ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ",", "{\"answer\":", i + 1, ",");
    AppendVerdict(opinions[i], form, i == 0 ? tag : "", random, &out);
    out += "}";
  }
  out += "]";
  // A discussion is over when nearly all of it is good.
  const bool done = std::all_of(opinions.begin(), opinions.end(),
                                [](const Opinion& opinion) { return opinion.worth > 0.3; });
  if (form.done) absl::StrAppend(&out, ",\"done\":", done && !opinions.empty() ? "true" : "false");
  return out + "}";
}

std::string Choice(const ChatRequest& request, Personality::Router router, const Form& form,
                   uint64_t seed) {
  std::vector<std::string> picked;
  int64_t wanted = 2;
  const absl::string_view message = LastUserMessage(request);
  if (const size_t at = message.find("at most "); at != absl::string_view::npos) {
    absl::string_view number = message.substr(at + 8);
    number = number.substr(0, number.find(' '));
    if (!absl::SimpleAtoi(number, &wanted)) wanted = 2;
  }
  if (router == Personality::Router::kUnknown) picked = {"somebody else"};
  if (router == Personality::Router::kSome) {
    Random random(Hash64("route", seed));
    std::vector<std::string> names = form.names;
    while (!names.empty() && static_cast<int64_t>(picked.size()) < wanted) {
      const auto i = random.Integer(0, static_cast<int64_t>(names.size()) - 1);
      picked.push_back(names[static_cast<size_t>(i)]);
      names.erase(names.begin() + i);
    }
  }
  std::string out = "{\"agents\":[";
  for (size_t i = 0; i < picked.size(); ++i) {
    if (i > 0) out += ",";
    AppendJsonString(out, picked[i]);
  }
  return out + "]}";
}

RoleReply Shaped(std::string json, JudgeStyle::Shape shape, absl::string_view tag) {
  switch (shape) {
    case JudgeStyle::Shape::kJson:
    case JudgeStyle::Shape::kHang:
      return {std::move(json), false};
    case JudgeStyle::Shape::kBabble:
      return {absl::StrCat("Well, there is much to be said for it, and some against. ", tag,
                           " On the whole I would not want to decide."),
              false};
    case JudgeStyle::Shape::kFenced:
      return {absl::StrCat("Here is my verdict {as asked}:\n```json\n", json,
                           "\n```\nI hope it helps."),
              false};
    case JudgeStyle::Shape::kThink:
      return {
          absl::StrCat("<think>Perhaps {\"score\": 1, \"accept\": false}? No, look again.</think>",
                       json),
          false};
    case JudgeStyle::Shape::kTruncated:
      json.resize(json.size() - std::min(json.size(), json.size() / 4 + 1));
      return {std::move(json), true};
  }
  return {std::move(json), false};
}

}  // namespace

Role RoleOf(const ChatRequest& request) {
  const Form form = FormOf(request);
  if (form.agents) return Role::kRouter;
  if (!form.score) return Role::kNone;
  return form.accept ? Role::kCritic : Role::kRater;
}

bool HangsInRole(const ChatRequest& request, const Personality& base) {
  if (request.response_format != ResponseFormat::kJsonSchema) return false;
  const Role role = RoleOf(request);
  const Personality personality = PersonalityFor(request, base);
  return (role == Role::kCritic && personality.critic.shape == JudgeStyle::Shape::kHang) ||
         (role == Role::kRater && personality.rater.shape == JudgeStyle::Shape::kHang);
}

std::optional<RoleReply> ReplyInRole(const ChatRequest& request, const Personality& personality,
                                     absl::string_view tag, uint64_t seed) {
  const Form form = FormOf(request);
  if (form.agents) {
    if (personality.router == Personality::Router::kBabble) {
      return RoleReply{absl::StrCat("It could be anybody. ", tag), false};
    }
    return RoleReply{Choice(request, personality.router, form, seed), false};
  }
  if (!form.score) return std::nullopt;
  const JudgeStyle& style = form.accept ? personality.critic : personality.rater;
  return Shaped(Verdicts(request, personality, form, tag, seed), style.shape, tag);
}

std::string LastLine(const ChatRequest& request, const Personality& personality, uint64_t seed,
                     uint64_t sample) {
  Random random(Hash64("line", sample));
  if (SystemAsksFor(request, "\"Answer:") || SystemAsksFor(request, "line \"Answer")) {
    const auto right = static_cast<int64_t>(Hash64(LastUserMessage(request), seed) % 90 + 10);
    const bool agrees = random.Real() < personality.agree;
    return absl::StrCat("\n\nAnswer: ", agrees ? right : right + random.Integer(1, 9));
  }
  if (SystemAsksFor(request, "\"Confidence:")) {
    const bool sure = random.Real() < personality.confident;
    const int64_t percent = sure ? random.Integer(70, 95) : random.Integer(40, 69);
    return absl::StrCat("\n\nConfidence: 0.", percent);
  }
  return "";
}

bool IsRevision(const ChatRequest& request) {
  return absl::StrContains(LastUserMessage(request), "[Feedback]");
}

}  // namespace moa::simulator
