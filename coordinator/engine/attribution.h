#pragma once

#include <optional>
#include <vector>

#include "common/base/text.h"
#include "coordinator/engine/job_machine.h"

namespace moa {

// Which agents' words reached a job's answer, found without another call (MOA section 6): of the
// distinct word 5-grams of the answer that at least one output holds, the share that each output
// holds. Words are runs of letters, digits and non-ASCII bytes, compared without ASCII case, so
// that punctuation and layout do not hide a sentence taken over. An answer of fewer than five words
// counts as one gram.
//
// Linear in the texts; only the first kAttributionWordsMax words of each are looked at. Pure.
inline constexpr size_t kAttributionWordsMax = 200'000;

// One share (0 to 1) for each of `outputs`, in their order; shares may overlap. All 0 when no
// output holds anything of the answer.
std::vector<double> SharesOfAnswer(const Text& answer, const std::vector<Text>& outputs);

// TaskResult.share_of_answer of proto/moa/v1/job.proto for each task of `job`, by its index: a
// number for the agents whose answers were accepted, none for the others and for the aggregator
// itself. Empty unless the job has succeeded.
std::vector<std::optional<double>> SharesOfAnswer(const JobMachine& job);

}  // namespace moa
