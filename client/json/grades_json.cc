#include "client/json/grades_json.h"

#include "client/json/object_writer.h"
#include "common/grading/shipped_graders.h"

namespace moa {

std::string LeaderboardJson(const std::vector<v1::LeaderboardRow>& rows) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("leaderboard");
  for (size_t i = 0; i < rows.size(); ++i) {
    const v1::LeaderboardRow& row = rows[i];
    out.BeginObject();
    out.Count("rank", i + 1);
    out.Text("name", row.name());
    out.Text("config", row.config());
    out.Number("mean", row.mean());
    out.Count("best", row.best());
    out.Count("max", row.max());
    out.Count("attempts", row.attempts());
    out.Text("best_job_id", row.best_job_id());
    out.Time("last_time", row.last_time());
    out.Number("mean_tokens", row.mean_tokens());
    out.Number("mean_cost_usd", row.mean_cost_usd());
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

std::string GradesJson(const v1::ListGradesResponse& page) {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("grades");
  for (const v1::Grade& grade : page.grades()) {
    out.BeginObject();
    out.Text("job_id", grade.job_id());
    out.Text("graded_job_id", grade.graded_job_id());
    out.Text("tenant", grade.tenant());
    out.Text("grader", grade.grader());
    out.Count("total", grade.total());
    out.Count("max", grade.max());
    out.Time("time", grade.time());
    const v1::GradedJob& graded = grade.graded();
    out.Text("name", graded.name());
    out.Text("config", graded.config());
    out.Count("total_tokens", graded.total_tokens());
    out.Count("upstream_calls", graded.upstream_calls());
    out.Number("cost_usd", graded.cost_usd());
    out.Millis("latency_ms", graded.latency_us());
    out.EndObject();
  }
  out.EndArray();
  if (!page.next_page_token().empty()) out.Text("next_page_token", page.next_page_token());
  out.EndObject();
  return out.Take();
}

std::string GradersJson() {
  ObjectWriter out;
  out.BeginObject();
  out.BeginArray("graders");
  for (const Grader& grader : ShippedGraders()) {
    out.BeginObject();
    out.Text("name", grader.name());
    out.Text("function", grader.function());
    out.Text("description", grader.description());
    out.Text("task", grader.task());
    out.Count("max", static_cast<uint64_t>(grader.max()));
    out.BeginArray("checks");
    for (const Check& check : grader.checks()) {
      out.BeginObject();
      out.Text("id", check.id);
      out.Count("max", static_cast<uint64_t>(check.Max()));
      out.EndObject();
    }
    out.EndArray();
    out.EndObject();
  }
  out.EndArray();
  out.EndObject();
  return out.Take();
}

}  // namespace moa
