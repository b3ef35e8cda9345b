#include "worker/sandbox/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

// Debian 12's header knows version 2 only: the kernel's interface is written down here, as in
// https://docs.kernel.org/userspace-api/landlock.html.
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

namespace moa::sandbox {
namespace {

constexpr uint64_t kExecute = 1 << 0;
constexpr uint64_t kReadFile = 1 << 2;
constexpr uint64_t kReadFolder = 1 << 3;
constexpr unsigned kCreateRulesetVersion = 1;
constexpr int kRulePathBeneath = 1;

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;  // from version 4 on
  uint64_t scoped;   // from version 6 on
};

struct PathBeneath {
  uint64_t allowed;
  int32_t parent;
} __attribute__((packed));

RulesetAttributes AllOf(int version) {
  constexpr int kFileRights[] = {0, 13, 14, 15, 15, 16};  // how many a version knows
  const int rights = kFileRights[version < 5 ? version : 5];
  return {.files = (uint64_t{1} << rights) - 1,
          .network = version >= 4 ? uint64_t{3} : 0,
          .scoped = version >= 6 ? uint64_t{3} : 0};
}

size_t SizeFor(int version) {
  if (version >= 6) return sizeof(RulesetAttributes);
  return version >= 4 ? 2 * sizeof(uint64_t) : sizeof(uint64_t);
}

absl::Status Allow(int ruleset, const std::string& path, uint64_t rights) {
  const int file = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (file < 0) return absl::ErrnoToStatus(errno, absl::StrCat("Landlock: ", path));
  const PathBeneath rule = {rights, file};
  const long result = syscall(SYS_landlock_add_rule, ruleset, kRulePathBeneath, &rule, 0);
  const int error = errno;
  close(file);
  return result == 0 ? absl::OkStatus()
                     : absl::ErrnoToStatus(error, absl::StrCat("Landlock: ", path));
}

absl::Status AllowAll(int ruleset, const Interpreter& interpreter) {
  absl::Status status = Allow(ruleset, interpreter.executable, kExecute | kReadFile);
  if (!interpreter.loader.empty()) {
    status.Update(Allow(ruleset, interpreter.loader, kExecute | kReadFile));
  }
  for (const std::string& path : interpreter.standard) {
    status.Update(Allow(ruleset, path, kReadFile | kReadFolder));
  }
  for (const std::string& path : interpreter.libraries) {
    status.Update(Allow(ruleset, path, kReadFile));
  }
  constexpr char kLinkerCache[] = "/etc/ld.so.cache";
  if (access(kLinkerCache, R_OK) == 0) status.Update(Allow(ruleset, kLinkerCache, kReadFile));
  return status;
}

}  // namespace

int LandlockVersion() {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, kCreateRulesetVersion);
  return version > 0 ? static_cast<int>(version) : 0;
}

absl::StatusOr<int> MakeRuleset(const Interpreter& interpreter, int version) {
  const RulesetAttributes attributes = AllOf(version);
  const long ruleset = syscall(SYS_landlock_create_ruleset, &attributes, SizeFor(version), 0);
  if (ruleset < 0) return absl::ErrnoToStatus(errno, "landlock_create_ruleset");
  if (const absl::Status status = AllowAll(static_cast<int>(ruleset), interpreter); !status.ok()) {
    close(static_cast<int>(ruleset));
    return status;
  }
  return static_cast<int>(ruleset);
}

int EnterRuleset(int ruleset) {
  return static_cast<int>(syscall(SYS_landlock_restrict_self, ruleset, 0));
}

}  // namespace moa::sandbox
