#pragma once

#include <string>
#include <vector>

#include "moa/v1/moa.pb.h"

namespace moa {

// Objects of `-o json` and of the gateway, as those of json_output.h.

// {"leaderboard":[{"rank","name","config","mean","best","max","attempts","best_job_id","last_time","mean_tokens",
// "mean_cost_usd"}]}.
std::string LeaderboardJson(const std::vector<v1::LeaderboardRow>& rows);
// {"grades":[{"job_id","graded_job_id","tenant","grader","total","max","time","name","config","total_tokens",
// "upstream_calls","cost_usd","latency_ms"}],"next_page_token"?}.
std::string GradesJson(const v1::ListGradesResponse& page);
// The graders that come with the programs: {"graders":[{"name","function","description","task","max",
// "checks":[{"id","max"}]}]}.
std::string GradersJson();

}  // namespace moa
