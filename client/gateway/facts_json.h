#pragma once

#include "client/gateway/answer_form.h"
#include "client/json/object_writer.h"

namespace moa::gateway {

// "moa": what every API's answer says of its job. Pure.
void WriteFacts(const AnswerHead& head, const JobFacts& facts, ObjectWriter& out);

}  // namespace moa::gateway
