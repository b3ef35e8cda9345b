// A store that takes no writes for a while: no room, or somebody else's lock.

#include <sqlite3.h>

#include "absl/strings/str_cat.h"
#include "tests/chaos/fault.h"

namespace moa::chaos {
namespace {

constexpr int64_t kRoomLeftBytes = 64 << 10;

std::string For(absl::Duration duration) {
  return absl::StrCat("for ", absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(10))));
}

class DiskFull : public Fault {
 public:
  DiskFull(ChaosCluster& cluster, Random& random) : disk_(*cluster.disk()) {
    const absl::Duration lasts = DrawDuration(random, absl::Seconds(1), absl::Seconds(4));
    Describe(For(lasts), lasts);
    ComesBack(true);
  }
  void Strike() override { disk_.Fill(kRoomLeftBytes); }
  void Undo() override { disk_.MakeRoom(); }

 private:
  SmallDisk& disk_;
};

class SqliteBusy : public Fault {
 public:
  SqliteBusy(ChaosCluster& cluster, Random& random) : path_(cluster.sqlite_path()) {
    const absl::Duration lasts = DrawDuration(random, absl::Milliseconds(500), absl::Seconds(3));
    Describe(For(lasts), lasts);
    ComesBack(true);
  }
  ~SqliteBusy() override { sqlite3_close(database_); }

  void Strike() override {
    sqlite3_open_v2(path_.c_str(), &database_, SQLITE_OPEN_READWRITE, nullptr);
    sqlite3_busy_timeout(database_, 500);
    sqlite3_exec(database_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr);
  }
  void Undo() override { sqlite3_exec(database_, "ROLLBACK", nullptr, nullptr, nullptr); }

 private:
  const std::string path_;
  sqlite3* database_ = nullptr;
};

}  // namespace

std::vector<FaultKind> DiskFaults() {
  return {
      KindOf<DiskFull>("disk-full", "the store's disk, or table space, has no room",
                       [](ChaosCluster& cluster) -> std::string {
                         return cluster.disk() == nullptr ? "no file system can be mounted" : "";
                       }),
      KindOf<SqliteBusy>("sqlite-busy", "another process holds the write lock of the file",
                         [](ChaosCluster& cluster) -> std::string {
                           return cluster.postgres() == nullptr ? "" : "the store is PostgreSQL";
                         }),
  };
}

}  // namespace moa::chaos
