#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_form.h"
#include "client/gateway/response_json.h"

namespace moa::gateway {

// OpenAI's Responses API. A stream's events have their type as name and are numbered from 0; reasoning is the first item
// of the output, the message the next, calls come last.
class ResponseForm final : public AnswerForm {
 public:
  explicit ResponseForm(ResponseEcho echo) : echo_(std::move(echo)) {}

  std::string Whole(const AnswerHead& head, const v1::Completion& answer,
                    const JobFacts& facts) override;
  std::string SignOfLife(const AnswerHead& head) override;
  std::string Text(const AnswerHead& head, const AnswerText::Piece& piece) override;
  std::string End(const AnswerHead& head, const v1::Completion& answer,
                  const JobFacts& facts) override;
  std::string Fail(const AnswerHead& head, const ApiError& error, const JobFacts& facts) override;

 private:
  // An item of the output whose text comes in pieces.
  struct OpenItem {
    bool reasoning = false;  // else the message
    uint64_t index = 0;      // in the output
    std::string text;        // told so far
    bool begun = false;
    bool done = false;
  };

  // An event with its type and number; `write` adds its fields.
  template <typename Write>
  std::string Event(const char* type, const Write& write);
  std::string ResponseEvent(const char* type, const AnswerHead& head, const ResponseState& state);
  std::string Begin(const AnswerHead& head);
  std::string BeginItem(const AnswerHead& head, OpenItem& item);
  std::string AddText(const AnswerHead& head, OpenItem& item, absl::string_view text);
  std::string EndItem(const AnswerHead& head, OpenItem& item, absl::string_view status);
  std::string Call(const AnswerHead& head, uint64_t index, const v1::ToolCall& call,
                   absl::string_view status);

  const ResponseEcho echo_;
  bool begun_ = false;
  uint64_t sequence_ = 0;  // the next event's
  uint64_t items_ = 0;     // of the output so far
  OpenItem reasoning_{.reasoning = true};
  OpenItem message_;
};

}  // namespace moa::gateway
