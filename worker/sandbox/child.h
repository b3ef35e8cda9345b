#pragma once

#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/types.h>

#include <vector>

#include "worker/sandbox/private_root.h"

namespace moa::sandbox {

// All that a child needs to shut itself in and become the interpreter. Made before it is started, because between
// fork and exec a child of a program with threads may not allocate. Everything is borrowed.
struct ChildPlan {
  const PrivateRoot* root = nullptr;  // null without namespaces
  int ruleset = -1;                   // Landlock's, -1 without
  const std::vector<sock_filter>* filter = nullptr;
  rlim_t memory_bytes = 0;
  rlim_t cpu_seconds = 0;
  const char* executable = nullptr;
  const char* const* arguments = nullptr;
  // The parent's descriptors: what becomes 0, 1 and 2, and 3.
  int input = -1;
  int null = -1;
  int results = -1;
  // A pipe that exec closes: a SetupFailure, or nothing when all went well.
  int setup = -1;
};

struct SetupFailure {
  int error = 0;        // errno
  char step[120] = {};  // for people
};

// Starts a child under the plan, in namespaces of its own when the plan has a root. Its process id, or -1 and errno.
// The child dies with the calling thread.
pid_t StartChild(const ChildPlan& plan);

}  // namespace moa::sandbox
