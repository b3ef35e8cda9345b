#include "worker/sandbox/private_root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status_macros.h"

namespace moa::sandbox {
namespace {

constexpr char kPlace[] = "/proc";

std::string FolderOf(const std::string& path) { return path.substr(0, path.rfind('/')); }

// `path` with the links of its folders resolved, its own not.
std::string WithRealFolder(const std::string& path) {
  char real[PATH_MAX];
  if (realpath(FolderOf(path).c_str(), real) == nullptr) return path;
  return absl::StrCat(real, path.substr(path.rfind('/')));
}

// A bind mount keeps the flags that its source's owner locked; a change that drops one is refused.
unsigned long LockedFlags(const std::string& path) {
  struct statvfs status;
  unsigned long flags = MS_NOSUID | MS_NODEV;
  if (statvfs(path.c_str(), &status) != 0) return flags;
  if ((status.f_flag & ST_NOEXEC) != 0) flags |= MS_NOEXEC;
  if ((status.f_flag & ST_NOATIME) != 0) flags |= MS_NOATIME;
  if ((status.f_flag & ST_NODIRATIME) != 0) flags |= MS_NODIRATIME;
  if ((status.f_flag & ST_RELATIME) != 0) flags |= MS_RELATIME;
  return flags;
}

}  // namespace

absl::StatusOr<PrivateRoot> PrivateRoot::Plan(const Interpreter& interpreter) {
  PrivateRoot root;
  for (const char* top : {"/bin", "/lib", "/lib64", "/sbin"}) {
    char target[PATH_MAX];
    const ssize_t size = readlink(top, target, sizeof target);
    if (size > 0 && size < PATH_MAX) {
      root.links_.push_back(
          {std::string(target, static_cast<size_t>(size)), absl::StrCat(kPlace, top)});
    }
  }
  std::vector<std::string> folders = interpreter.standard;
  for (const std::string& library : interpreter.libraries) folders.push_back(FolderOf(library));
  std::sort(folders.begin(), folders.end());
  std::string last;
  for (const std::string& folder : folders) {  // one below another is there already
    if (!last.empty() && (folder == last || absl::StartsWith(folder, last + "/"))) continue;
    MOA_RETURN_IF_ERROR(root.AddBind(folder, true));
    last = folder;
  }
  for (const std::string& file : {interpreter.executable, interpreter.loader}) {
    const std::string path = file.empty() ? file : WithRealFolder(file);
    const auto above = [&path](const std::string& f) { return absl::StartsWith(path, f + "/"); };
    if (path.empty() || std::any_of(folders.begin(), folders.end(), above)) continue;
    MOA_RETURN_IF_ERROR(root.AddBind(path, false));
  }
  return root;
}

absl::Status PrivateRoot::AddBind(const std::string& path, bool folder) {
  if (absl::StartsWith(path, absl::StrCat(kPlace, "/")) || path.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the interpreter needs ", path.empty() ? "/" : path, ", which cannot be mounted"));
  }
  AddFolders(path);
  if (folder) folders_.push_back(kPlace + path);
  binds_.push_back({path, kPlace + path, folder, LockedFlags(path)});
  return absl::OkStatus();
}

void PrivateRoot::AddFolders(const std::string& path) {
  for (size_t slash = path.find('/', 1); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    std::string folder = kPlace + path.substr(0, slash);
    if (std::find(folders_.begin(), folders_.end(), folder) == folders_.end()) {
      folders_.push_back(std::move(folder));
    }
  }
}

const char* PrivateRoot::Populate() const {
  for (const Link& link : links_) {
    if (symlink(link.target.c_str(), link.path.c_str()) != 0) return link.path.c_str();
  }
  for (const std::string& folder : folders_) {
    if (mkdir(folder.c_str(), 0755) != 0) return folder.c_str();
  }
  for (const Bind& bind : binds_) {
    const char* path = bind.path.c_str();
    if (!bind.folder) {
      const int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
      if (file < 0) return path;
      close(file);
    }
    if (mount(bind.source.c_str(), path, nullptr, MS_BIND, nullptr) != 0 ||
        mount(nullptr, path, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY | bind.flags, nullptr) !=
            0) {
      return path;
    }
  }
  return nullptr;
}

const char* PrivateRoot::Enter() const {
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return "private mounts";
  if (mount("tmpfs", kPlace, "tmpfs", MS_NOSUID | MS_NODEV, "size=64k,nr_inodes=256,mode=755") !=
      0) {
    return "tmpfs";
  }
  if (const char* failed = Populate(); failed != nullptr) return failed;
  // The old root is stacked under the new one and then taken away, so no folder for it is needed.
  if (chdir(kPlace) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 ||
      umount2(".", MNT_DETACH) != 0) {
    return "pivot_root";
  }
  const unsigned long flags = MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
  if (mount(nullptr, "/", nullptr, flags, "size=64k,nr_inodes=256,mode=755") != 0) {
    return "read-only root";
  }
  return chdir("/") == 0 ? nullptr : "chdir";
}

}  // namespace moa::sandbox
