#include "client/gateway/facts_json.h"

namespace moa::gateway {

void WriteFacts(const AnswerHead& head, const JobFacts& facts, ObjectWriter& out) {
  out.BeginObject("moa");
  out.Text("job_id", head.job_id);
  out.Flag("degraded", facts.degraded);
  out.Count("upstream_calls", facts.usage.upstream_calls());
  out.Number("cost_usd", facts.usage.cost_usd());
  out.EndObject();
}

}  // namespace moa::gateway
