#include "client/gateway/problem_json.h"

namespace moa::gateway {

void WriteProblems(const char* key, const Problems& problems, ObjectWriter& out) {
  out.BeginArray(key);
  for (const Problem& problem : problems.shown()) {
    out.BeginObject();
    out.Text("path", problem.path);
    out.Text("message", problem.message);
    if (problem.line > 0) out.Count("line", static_cast<uint64_t>(problem.line));
    if (problem.line > 0 && problem.column > 0) {
      out.Count("column", static_cast<uint64_t>(problem.column));
    }
    out.EndObject();
  }
  out.EndArray();
}

}  // namespace moa::gateway
