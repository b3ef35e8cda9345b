#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "client/gateway/answer_request.h"
#include "common/document/document.h"
#include "common/document/field.h"

namespace moa::gateway {

// The parts of a request put together as a job file, which the reader of those then reads: so every API knows a job's
// fields in the same way, and what is wrong has the request's name for it.
//
// Owner: who reads a request. Externally synchronised.
class JobDocument {
 public:
  // `request` is borrowed: it gets the names of fields, and the job.
  explicit JobDocument(AnswerRequest* request);

  // A field of the job file, as it is named there.
  void Add(Node node) { document_.root.children.push_back(std::move(node)); }
  // The same field under the same name; nothing where it is absent.
  void Add(const Field& field);

  // The request's `moa`: what a job file can say besides.
  void AddMoa(const Field& extension);

  // `field` of the request, where it is present, is `agent_field` of the aggregator, as `node` says it. After AddMoa.
  void AddToAggregator(const Field& field, const std::string& agent_field, Node node);
  void AddToAggregator(const Field& field, const std::string& agent_field) {
    if (field.present()) AddToAggregator(field, agent_field, field.node());
  }

  // Reads the job; problems have the request's names. Once.
  void ReadInto(Problems& problems);

 private:
  AnswerRequest* const request_;
  Document document_;
  Node moa_;
  bool aggregator_given_ = false;  // by the request's `moa`
};

}  // namespace moa::gateway
