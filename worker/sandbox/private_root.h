#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/sandbox/interpreter.h"

namespace moa::sandbox {

// A root of its own for a sandbox with a mount namespace: an empty tmpfs that nobody can write to, with the
// interpreter, its standard library and the folders of its shared libraries in it, read-only.
//
// Immutable once planned, so any number of children may build from it. It is built at /proc, which every system
// has and no interpreter lies in.
class PrivateRoot {
 public:
  static absl::StatusOr<PrivateRoot> Plan(const Interpreter& interpreter);

  // Makes it the calling process's root. Null, or what failed, with errno. For a child between fork and exec, in
  // user and mount namespaces of its own: it allocates nothing.
  const char* Enter() const;

 private:
  struct Link {
    std::string target;
    std::string path;  // all paths with the place where the root is built in front
  };
  struct Bind {
    std::string source;
    std::string path;
    bool folder;
    unsigned long flags;
  };

  absl::Status AddBind(const std::string& path, bool folder);
  void AddFolders(const std::string& path);  // those above `path`
  const char* Populate() const;

  std::vector<Link> links_;
  std::vector<std::string> folders_;  // parents first
  std::vector<Bind> binds_;
};

}  // namespace moa::sandbox
