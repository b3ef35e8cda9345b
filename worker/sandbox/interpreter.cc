#include "worker/sandbox/interpreter.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "worker/sandbox/scripts.h"

namespace moa::sandbox {
namespace {

constexpr size_t kAnswerSizeMax = 1 << 20;

// What the program prints; its exit status is left in `status`.
std::string Output(const std::string& path, int* status) {
  *status = -1;
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return "";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  std::vector<const char*> arguments = {path.c_str(), "-I",     "-S", "-B",   "-X",   "utf8",
                                        "-W",         "ignore", "-c", kProbe, nullptr};
  char* const environment[] = {nullptr};
  pid_t child = -1;
  const int error = posix_spawn(&child, path.c_str(), &actions, nullptr,
                                const_cast<char* const*>(arguments.data()), environment);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n = 0; error == 0 && text.size() < kAnswerSizeMax;) {
    n = read(ends[0], buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  close(ends[0]);
  if (error == 0) {
    while (waitpid(child, status, 0) < 0 && errno == EINTR) {
    }
  }
  return text;
}

}  // namespace

absl::StatusOr<Interpreter> ProbeInterpreter(const std::string& path) {
  if (access(path.c_str(), X_OK) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the sandbox needs a Python interpreter; there is none to run at ", path));
  }
  int status = 0;
  const std::string answer = Output(path, &status);
  Interpreter found;
  for (absl::string_view line : absl::StrSplit(answer, '\n')) {
    const std::pair<absl::string_view, absl::string_view> fields =
        absl::StrSplit(line, absl::MaxSplits(' ', 1));
    const std::string value(fields.second);
    if (fields.first == "executable") found.executable = value;
    if (fields.first == "loader") found.loader = value;
    if (fields.first == "standard") found.standard.push_back(value);
    if (fields.first == "library") found.libraries.push_back(value);
  }
  if (status != 0 || found.executable.empty() || found.standard.empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " does not say which files it needs: is it Python 3?"));
  }
  return found;
}

}  // namespace moa::sandbox
