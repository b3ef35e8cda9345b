#pragma once

#include <cstdint>
#include <string>

#include "client/gateway/answer_text.h"
#include "client/gateway/api_error.h"
#include "moa/v1/job.pb.h"

namespace moa::gateway {

// What is the same in every piece of an answer.
struct AnswerHead {
  std::string job_id;
  std::string model;  // as asked for
  int64_t created_seconds = 0;
};

// What is said of a job as a whole.
struct JobFacts {
  bool degraded = false;
  v1::JobUsage usage;
};

// The form in which one of the APIs tells an answer: whole, or as the events of a stream, which are returned as they go
// over the wire. It knows what it has told, and nothing of who asks: one for each request.
//
// Pure; externally synchronised.
class AnswerForm {
 public:
  virtual ~AnswerForm() = default;

  // The whole answer, as JSON.
  virtual std::string Whole(const AnswerHead& head, const v1::Completion& answer,
                            const JobFacts& facts) = 0;

  // A stream: signs of life while there is nothing to tell, text as it comes, then one of End and Fail. An empty piece
  // of text tells that the answer has begun.
  virtual std::string SignOfLife(const AnswerHead& head) = 0;
  virtual std::string Text(const AnswerHead& head, const AnswerText::Piece& piece) = 0;
  // REQUIRES: the answer's text was told.
  virtual std::string End(const AnswerHead& head, const v1::Completion& answer,
                          const JobFacts& facts) = 0;
  virtual std::string Fail(const AnswerHead& head, const ApiError& error,
                           const JobFacts& facts) = 0;
};

}  // namespace moa::gateway
