#include "coordinator/engine/judge_prompt.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace moa {
namespace {

// What a router is told of an agent that has no description.
constexpr size_t kPromptExcerptMax = 240;

std::string DescriptionOf(const Agent& agent) {
  if (!agent.description.empty()) return std::string(agent.description.view());
  absl::string_view prompt = agent.system_prompt.view();
  if (prompt.empty()) return "no description";
  const absl::string_view excerpt = Utf8Prefix(prompt, kPromptExcerptMax);
  std::string line;
  for (const char c : excerpt) line.push_back(c == '\n' || c == '\r' ? ' ' : c);
  absl::StripAsciiWhitespace(&line);
  return absl::StrCat(line, excerpt.size() < prompt.size() ? "…" : "");
}

}  // namespace

Text RenderJudgement(const Critique& critique, const std::vector<Text>& answers) {
  const bool each = critique.scope == Critique::Scope::kEach;
  const bool accept = critique.verdict == Critique::Verdict::kAccept;
  std::string out =
      each ? "Judge this answer to the latest request of this conversation. It was written by a "
             "model; "
             "do not answer the request yourself.\n\n"
           : "Judge these answers to the latest request of this conversation. They were written by "
             "different models; do not answer the request yourself. Compare them, and judge "
             "each.\n\n";
  for (size_t i = 0; i < answers.size(); ++i) {
    absl::StrAppend(&out, each ? "[Answer" : absl::StrCat("[Answer ", i + 1), "]\n",
                    answers[i].view(), "\n\n");
  }
  absl::StrAppend(&out, "[End of the answer", each ? "" : "s",
                  "]\n\nReply with one JSON object and nothing else: ");
  const std::string verdict = absl::StrCat(accept ? R"("accept": true or false, )" : "",
                                           R"("score": a number from 0 to 10, "feedback": "…")");
  if (each) {
    absl::StrAppend(&out, "{", verdict, "}.");
  } else {
    absl::StrAppend(&out, R"({"verdicts": [{"answer": its number, )", verdict,
                    "}, one for each answer]", critique.may_end ? R"(, "done": true or false)" : "",
                    "}.");
  }
  if (accept) {
    absl::StrAppend(&out, " Accept an answer only if it could be used as it stands.");
  }
  absl::StrAppend(&out,
                  " 10 is an answer that leaves nothing to be desired, 0 one that is of no use. "
                  "The feedback says "
                  "in one to three sentences what is wrong or missing and what would mend it.");
  if (critique.may_end) {
    absl::StrAppend(
        &out,
        R"( "done" is true when the best of them settle the request, so that further discussion would )"
        "add nothing.");
  }
  return Text(std::move(out));
}

Text RenderRouting(const Route& route, const std::vector<Agent>& agents) {
  std::string out =
      "Decide who is to answer the latest request of this conversation; do not answer it yourself. "
      "There are:\n\n";
  for (const Agent& agent : agents) {
    absl::StrAppend(&out, "- ", agent.name, ": ", DescriptionOf(agent), "\n");
  }
  absl::StrAppend(&out, "\nPick at most ", route.top,
                  " of them, those whose strengths this request needs most. Reply with one JSON "
                  "object and nothing "
                  R"(else: {"agents": [their names, exactly as given]}.)");
  return Text(std::move(out));
}

Text RenderFeedback(const std::vector<JudgedAnswer>& answers) {
  if (answers.empty()) return Text();
  const bool own = answers.size() == 1;
  std::string out = own ? "You have answered the latest request of this conversation before, and "
                          "critics were not satisfied.\n\n"
                        : "The latest request of this conversation was answered before, and "
                          "critics were not satisfied. These are "
                          "the answers and what was said of them.\n\n";
  for (size_t i = 0; i < answers.size(); ++i) {
    const JudgedAnswer& answer = answers[i];
    absl::StrAppend(&out,
                    own ? "[Earlier answer]\n" : absl::StrCat("[Earlier answer ", i + 1, "]\n"),
                    answer.content.view(),
                    own ? "\n\n[Feedback]" : absl::StrCat("\n\n[Feedback] on answer ", i + 1),
                    answer.accepted ? " (accepted)" : "", "\n");
    for (const auto& [critic, words] : answer.feedback) {
      absl::StrAppend(&out, "- ", critic, ": ", words.empty() ? "no reason given" : words, "\n");
    }
    if (answer.feedback.empty()) absl::StrAppend(&out, "- nothing was said of it\n");
    out.push_back('\n');
  }
  absl::StrAppend(&out,
                  "Try again. Take what was said seriously, but check it: critics err, too. Do not "
                  "patch what is wrong at "
                  "its root; begin anew where that is better. Give the whole improved answer, "
                  "without talking about the "
                  "earlier one or the critics.");
  return Text(std::move(out));
}

}  // namespace moa
