#pragma once

#include "client/json/object_writer.h"
#include "common/trace/job_names.h"
#include "moa/v1/job.pb.h"

namespace moa {

// Parts of what a job yields, as the objects of json_output.h have them.

// "error": {"code","message"}
void WriteError(const v1::Error& error, ObjectWriter& out);
// "usage": {…}
void WriteUsage(const v1::JobUsage& usage, ObjectWriter& out);
// An entry of "agents"; `ids` are those of the job's tasks that verdicts are about.
void WriteTask(const char* key, const v1::TaskResult& task, const TaskIds& ids, ObjectWriter& out);

}  // namespace moa
