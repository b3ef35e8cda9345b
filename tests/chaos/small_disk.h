#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace moa::chaos {

// A file system in memory whose size can be taken away and given back: a disk that is full without that anybody writes
// gigabytes to it. The mount goes with the mount namespace.
class SmallDisk {
 public:
  // Null when mounting is not allowed. REQUIRES: the process is in a mount namespace of its own (Network::Create).
  static std::unique_ptr<SmallDisk> Mount(const std::string& path);
  // Unmounts; what was on it is gone.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  const std::string& path() const { return path_; }
  // From now on there is room for `left_bytes` more; false when that is refused.
  bool Fill(int64_t left_bytes);
  void MakeRoom();

 private:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {}
  bool Resize(int64_t bytes);

  const std::string path_;
};

}  // namespace moa::chaos
