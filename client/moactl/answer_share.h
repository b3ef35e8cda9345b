#pragma once

#include <vector>

#include "moa/v1/job.pb.h"

namespace moa {

// How much of a job's answer each of its tasks contributed: of the answer's distinct word 5-grams
// that occur in any reference (an answer of a layer before the aggregator), the share that the
// task's own answer holds. Several agents may hold the same one, so shares do not sum to 1. A
// measure of wording, not of ideas.
//
// In the order of `job.layers()` and its tasks; all 0 when the job has no answer or shares no
// wording with any reference. Words are separated by blanks and compared without case; an answer of
// fewer than five words is one gram.
std::vector<double> AnswerShares(const v1::Job& job);

}  // namespace moa
