#include "tests/chaos/small_disk.h"

#include <sys/mount.h>
#include <sys/statvfs.h>

#include "absl/strings/str_cat.h"

namespace moa::chaos {
namespace {

constexpr int64_t kWholeBytes = int64_t{8} << 30;  // only what is used takes memory

}  // namespace

std::unique_ptr<SmallDisk> SmallDisk::Mount(const std::string& path) {
  const std::string options = absl::StrCat("size=", kWholeBytes, ",mode=0755");
  if (mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return nullptr;
  }
  return std::unique_ptr<SmallDisk>(new SmallDisk(path));
}

SmallDisk::~SmallDisk() { umount2(path_.c_str(), MNT_DETACH); }

bool SmallDisk::Resize(int64_t bytes) {
  const std::string options = absl::StrCat("size=", bytes);
  return mount("tmpfs", path_.c_str(), "tmpfs", MS_REMOUNT | MS_NOSUID | MS_NODEV,
               options.c_str()) == 0;
}

bool SmallDisk::Fill(int64_t left_bytes) {
  struct statvfs state {};
  if (statvfs(path_.c_str(), &state) != 0) return false;
  const auto used = static_cast<int64_t>((state.f_blocks - state.f_bfree) * state.f_frsize);
  return Resize(used + left_bytes);
}

void SmallDisk::MakeRoom() { Resize(kWholeBytes); }

}  // namespace moa::chaos
