#include "common/net/random_id.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/base/check.h"
#include "common/loop/mutex.h"

namespace moa {
namespace {

constexpr char kCrockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr size_t kIdSize = 26;

// Not ISO C++, but both compilers have it; the keyword quiets -Wpedantic.
__extension__ typedef unsigned __int128 Bits128;

Bits128 RandomBits() {
  Bits128 bits = 0;
  ssize_t n = 0;
  while ((n = getrandom(&bits, sizeof bits, 0)) < 0 && errno == EINTR) {
  }
  // Up to 256 bytes come whole once the generator is seeded.
  MOA_CHECK(n == static_cast<ssize_t>(sizeof bits));
  return bits;
}

std::string EncodeBits(Bits128 bits) {
  std::string id(kIdSize, '0');
  for (size_t i = kIdSize; i-- > 0; bits >>= 5) id[i] = kCrockford[static_cast<int>(bits & 31)];
  return id;
}

// Makes the ids of one process ascend: never below the one before, even when the clock goes back.
class IdSequence {
 public:
  Bits128 Next(uint64_t wall_ms) {
    constexpr int kRandomBits = 80;
    const Bits128 fresh =
        (static_cast<Bits128>(wall_ms & ((uint64_t{1} << 48) - 1)) << kRandomBits) |
        (RandomBits() & ((static_cast<Bits128>(1) << kRandomBits) - 1));
    MutexLock lock(mutex_);
    const bool later = (fresh >> kRandomBits) > (last_ >> kRandomBits);
    last_ = later ? fresh : last_ + 1;
    return last_;
  }

 private:
  Mutex mutex_;
  Bits128 last_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace

std::string NewTimeOrderedId(absl::Time wall) {
  static IdSequence sequence;
  const int64_t wall_ms = std::max<int64_t>(absl::ToUnixMillis(wall), 0);
  return EncodeBits(sequence.Next(static_cast<uint64_t>(wall_ms)));
}

bool IsTimeOrderedId(absl::string_view id) {
  // 26 characters hold 130 bits; the first may only use three of its five.
  return id.size() == kIdSize && id[0] <= '7' &&
         id.find_first_not_of(kCrockford) == absl::string_view::npos;
}

std::string RandomId() { return EncodeBits(RandomBits()); }

uint64_t RandomSeed() { return static_cast<uint64_t>(RandomBits()); }

}  // namespace moa
