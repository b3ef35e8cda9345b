#pragma once

#include <string>

#include "client/gateway/answer_form.h"

namespace moa::gateway {

// OpenAI's chat completions.
class ChatForm final : public AnswerForm {
 public:
  // `include_usage`: a chunk of its own with the usage at the end of a stream.
  explicit ChatForm(bool include_usage) : include_usage_(include_usage) {}

  std::string Whole(const AnswerHead& head, const v1::Completion& answer,
                    const JobFacts& facts) override;
  std::string SignOfLife(const AnswerHead& head) override;
  std::string Text(const AnswerHead& head, const AnswerText::Piece& piece) override;
  std::string End(const AnswerHead& head, const v1::Completion& answer,
                  const JobFacts& facts) override;
  std::string Fail(const AnswerHead& head, const ApiError& error, const JobFacts& facts) override;

 private:
  const bool include_usage_;
  bool begun_ = false;
};

}  // namespace moa::gateway
