#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_request.h"
#include "client/gateway/job_document.h"
#include "common/document/document.h"
#include "common/document/field.h"

namespace moa::gateway {

// The items of a Responses request's `input` as the messages of a job: what an assistant thought, said and called in a
// row is one message of its.
//
//   ResponseInput input(&request);
//   input.AddInstructions(m["instructions"]);
//   input.AddInput(m.Required("input"));
//   input.MoveTo(&job);
//
// Owner: who reads a request. Externally synchronised.
class ResponseInput {
 public:
  // `request` is borrowed: it gets the names of fields and the references.
  explicit ResponseInput(AnswerRequest* request);

  void AddInstructions(const Field& instructions);
  void AddInput(const Field& input);
  // Once, last.
  void MoveTo(JobDocument* job);

 private:
  // Thoughts whose message has not come yet.
  struct Pending {
    std::string text;
    std::string field;
    std::vector<ItemReference> references;
  };

  void AddItem(const Field& item);
  void AddMessage(const Field& item);
  void AddCall(const Field& item);
  void AddCallOutput(const Field& item);
  void AddReasoning(const Field& item);
  void AddReference(const Field& item);

  // Begins a message.
  Node* Begin(const char* role, const Field& item);
  // The assistant's message that goes on with content or, `call`, a call; begun where there is none.
  Node* Assistant(const Field& item, bool call);
  void TakePending();
  // The place of a new call in the assistant's message.
  int AddCallNode(const Field& item, Node call);
  int message() const { return static_cast<int>(messages_.children.size()) - 1; }
  // `within` the last message is `field` of the request.
  void Name(const std::string& within, const std::string& field);

  AnswerRequest* const request_;
  Node messages_;
  std::vector<std::string> fields_;  // the request's, of each message
  bool assistant_open_ = false;
  Pending pending_;
};

}  // namespace moa::gateway
