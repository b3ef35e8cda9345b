#pragma once

#include "client/json/object_writer.h"
#include "common/document/problems.h"

namespace moa::gateway {

// A list of {"path","message","line","column"}: the last two only where they are known, the path empty where a mistake is
// the file's as a whole.
void WriteProblems(const char* key, const Problems& problems, ObjectWriter& out);

}  // namespace moa::gateway
