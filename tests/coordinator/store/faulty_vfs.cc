#include "tests/coordinator/store/faulty_vfs.h"

#include <atomic>
#include <filesystem>
#include <new>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

constexpr size_t kSectorBytes = 512;

std::string UniqueName() {
  static std::atomic<int> next{0};
  return absl::StrCat("faulty-", ++next);
}

void Overwrite(std::string& bytes, size_t offset, const std::string& with) {
  if (bytes.size() < offset + with.size()) bytes.resize(offset + with.size());
  bytes.replace(offset, with.size(), with);
}

}  // namespace

// SQLite allocates it with the system's file behind it.
struct FaultyVfs::File {
  sqlite3_file base;
  FaultyVfs* vfs;
  const char* path;  // SQLite keeps it while the file is open; null for a temporary file

  static File& Of(sqlite3_file* file) { return *reinterpret_cast<File*>(file); }
  static FaultyVfs& Vfs(sqlite3_vfs* vfs) { return *static_cast<FaultyVfs*>(vfs->pAppData); }
  sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

struct FaultyVfs::Methods {
  static int Close(sqlite3_file* file) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xClose(system);
  }
  static int Read(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
    File& f = File::Of(file);
    {
      MutexLock lock(f.vfs->mutex_);
      const int code = f.vfs->Before(Operation::kRead);
      if (code != SQLITE_OK) return code;
    }
    return f.system()->pMethods->xRead(f.system(), data, size, offset);
  }
  static int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
    return File::Of(file).vfs->Write(File::Of(file), data, size, offset);
  }
  static int Truncate(sqlite3_file* file, sqlite3_int64 size) {
    File& f = File::Of(file);
    MutexLock lock(f.vfs->mutex_);
    const int code = f.vfs->Before(Operation::kTruncate);
    if (code != SQLITE_OK) return code;
    if (f.path != nullptr) {
      f.vfs->files_[f.path].since.push_back({static_cast<size_t>(size), "", true});
    }
    return f.system()->pMethods->xTruncate(f.system(), size);
  }
  static int Sync(sqlite3_file* file, int flags) {
    return File::Of(file).vfs->Sync(File::Of(file), flags);
  }
  static int FileSize(sqlite3_file* file, sqlite3_int64* size) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xFileSize(system, size);
  }
  static int Lock(sqlite3_file* file, int level) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xLock(system, level);
  }
  static int Unlock(sqlite3_file* file, int level) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xUnlock(system, level);
  }
  static int CheckReservedLock(sqlite3_file* file, int* result) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xCheckReservedLock(system, result);
  }
  static int FileControl(sqlite3_file* file, int operation, void* argument) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xFileControl(system, operation, argument);
  }
  static int SectorSize(sqlite3_file*) { return kSectorBytes; }
  // No promise of the system's: SQLite must do without.
  static int Characteristics(sqlite3_file*) { return 0; }
  static int ShmMap(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xShmMap(system, page, size, extend, memory);
  }
  static int ShmLock(sqlite3_file* file, int offset, int count, int flags) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xShmLock(system, offset, count, flags);
  }
  static void ShmBarrier(sqlite3_file* file) {
    sqlite3_file* system = File::Of(file).system();
    system->pMethods->xShmBarrier(system);
  }
  static int ShmUnmap(sqlite3_file* file, int remove) {
    sqlite3_file* system = File::Of(file).system();
    return system->pMethods->xShmUnmap(system, remove);
  }

  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* out) {
    static const sqlite3_io_methods methods = {2,
                                               Close,
                                               Read,
                                               Write,
                                               Truncate,
                                               Sync,
                                               FileSize,
                                               Lock,
                                               Unlock,
                                               CheckReservedLock,
                                               FileControl,
                                               SectorSize,
                                               Characteristics,
                                               ShmMap,
                                               ShmLock,
                                               ShmBarrier,
                                               ShmUnmap,
                                               nullptr,
                                               nullptr};
    FaultyVfs& self = File::Vfs(vfs);
    File* f = new (file) File{};
    f->vfs = &self;
    f->path = path;
    const int code = self.system_->xOpen(self.system_, path, f->system(), flags, out);
    // Without methods SQLite does not close it.
    f->base.pMethods = f->system()->pMethods == nullptr ? nullptr : &methods;
    return code;
  }
  static int Delete(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    FaultyVfs& self = File::Vfs(vfs);
    MutexLock lock(self.mutex_);
    self.files_.erase(path);
    return self.system_->xDelete(self.system_, path, sync_directory);
  }
};

FaultyVfs::FaultyVfs() : name_(UniqueName()), system_(sqlite3_vfs_find(nullptr)) {
  vfs_ = *system_;
  vfs_.szOsFile = static_cast<int>(sizeof(File)) + system_->szOsFile;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.pNext = nullptr;
  vfs_.xOpen = Methods::Open;
  vfs_.xDelete = Methods::Delete;
  MOA_CHECK(sqlite3_vfs_register(&vfs_, 0) == SQLITE_OK);
}

FaultyVfs::~FaultyVfs() { sqlite3_vfs_unregister(&vfs_); }

void FaultyVfs::Fail(Operation operation, int code, int skip, bool forever) {
  MutexLock lock(mutex_);
  failing_ = operation;
  code_ = code;
  skip_ = skip;
  forever_ = forever;
  has_failed_ = false;
}

void FaultyVfs::Heal() {
  MutexLock lock(mutex_);
  code_ = SQLITE_OK;
}

bool FaultyVfs::HasFailed() const {
  MutexLock lock(mutex_);
  return has_failed_;
}

void FaultyVfs::HoldSyncs() {
  MutexLock lock(mutex_);
  holding_ = true;
}

void FaultyVfs::Release() {
  MutexLock lock(mutex_);
  holding_ = false;
  released_.NotifyAll();
}

int FaultyVfs::syncs() const {
  MutexLock lock(mutex_);
  return syncs_;
}

int FaultyVfs::held_syncs() const {
  MutexLock lock(mutex_);
  return held_syncs_;
}

int FaultyVfs::Before(Operation operation) {
  if (code_ == SQLITE_OK || operation != failing_) return SQLITE_OK;
  if (skip_ > 0) {
    --skip_;
    return SQLITE_OK;
  }
  const int code = code_;
  if (!forever_) code_ = SQLITE_OK;
  has_failed_ = true;
  return code;
}

int FaultyVfs::Write(File& file, const void* data, int size, sqlite3_int64 offset) {
  MutexLock lock(mutex_);
  int code = Before(Operation::kWrite);
  if (code != SQLITE_OK) return code;
  code = Before(Operation::kShortWrite);
  const int written = code == SQLITE_OK ? size : size / 2;
  if (file.path != nullptr) {
    files_[file.path].since.push_back(
        {static_cast<size_t>(offset),
         std::string(static_cast<const char*>(data), static_cast<size_t>(written)), false});
  }
  const int result = file.system()->pMethods->xWrite(file.system(), data, written, offset);
  return code != SQLITE_OK ? code : result;
}

int FaultyVfs::Sync(File& file, int flags) {
  MutexLock lock(mutex_);
  const int code = Before(Operation::kSync);
  if (code != SQLITE_OK) return code;
  ++held_syncs_;
  while (holding_) released_.Wait(mutex_);
  --held_syncs_;
  ++syncs_;
  if (file.path != nullptr) {
    FileBytes& bytes = files_[file.path];
    for (const Change& change : bytes.since) {
      change.truncates ? bytes.synced.resize(change.offset)
                       : Overwrite(bytes.synced, change.offset, change.bytes);
    }
    bytes.since.clear();
  }
  return file.system()->pMethods->xSync(file.system(), flags);
}

void FaultyVfs::WritePowerCutImage(const std::string& directory, std::mt19937_64& random) {
  MutexLock lock(mutex_);
  for (const auto& [path, bytes] : files_) {
    std::string image = bytes.synced;
    for (const Change& change : bytes.since) {
      if (change.truncates) {
        if (random() % 2 == 0) image.resize(change.offset);
        continue;
      }
      for (size_t at = 0; at < change.bytes.size(); at += kSectorBytes) {
        if (random() % 2 == 0) continue;
        Overwrite(image, change.offset + at, change.bytes.substr(at, kSectorBytes));
      }
    }
    WriteFileBytes(absl::StrCat(directory, "/", std::filesystem::path(path).filename().string()),
                   image);
  }
}

}  // namespace moa
