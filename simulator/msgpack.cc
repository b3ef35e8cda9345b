#include "simulator/msgpack.h"

#include <cmath>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "simulator/digest.h"

namespace moa::simulator {
namespace {

constexpr int kDepthMax = 64;

// One pass over the bytes; the first mistake ends it. Each value takes at least one byte of input,
// so a length that is a lie ends with the input and costs nothing.
class Transcoder {
 public:
  Transcoder(absl::string_view bytes, size_t size_max) : bytes_(bytes), size_max_(size_max) {}

  absl::StatusOr<std::string> Run() {
    if (!Value(0)) return status_;
    if (at_ != bytes_.size()) return Wrong("more follows the value"), status_;
    return std::move(out_);
  }

 private:
  bool Wrong(absl::string_view what) {
    if (status_.ok()) {
      status_ = absl::InvalidArgumentError(absl::StrCat("msgpack, byte ", at_, ": ", what));
    }
    return false;
  }

  bool Fits() {
    if (out_.size() <= size_max_) return true;
    status_ = absl::ResourceExhaustedError("the unpacked body is too large");
    return false;
  }

  // The next `size` bytes as a big-endian number.
  bool Number(size_t size, uint64_t* number) {
    if (bytes_.size() - at_ < size) return Wrong("the body ends in the middle of a value");
    *number = 0;
    for (size_t i = 0; i < size; ++i) {
      *number = *number << 8 | static_cast<unsigned char>(bytes_[at_++]);
    }
    return true;
  }

  bool String(uint64_t size) {
    if (bytes_.size() - at_ < size) return Wrong("a string is longer than the body");
    AppendJsonString(out_, bytes_.substr(at_, size));
    at_ += size;
    return Fits();
  }

  bool Array(uint64_t count, int depth) {
    if (depth >= kDepthMax) return Wrong("nested too deeply");
    out_ += '[';
    for (uint64_t i = 0; i < count; ++i) {
      if (i > 0) out_ += ',';
      if (!Value(depth + 1)) return false;
    }
    out_ += ']';
    return Fits();
  }

  bool Map(uint64_t count, int depth) {
    if (depth >= kDepthMax) return Wrong("nested too deeply");
    out_ += '{';
    for (uint64_t i = 0; i < count; ++i) {
      if (i > 0) out_ += ',';
      const unsigned char next = at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_]) : 0;
      if ((next & 0xE0) != 0xA0 && (next < 0xD9 || next > 0xDB)) return Wrong("a key is no string");
      if (!Value(depth + 1)) return false;
      out_ += ':';
      if (!Value(depth + 1)) return false;
    }
    out_ += '}';
    return Fits();
  }

  bool Float(size_t size) {
    uint64_t bits = 0;
    if (!Number(size, &bits)) return false;
    double value = 0;
    if (size == 4) {
      const auto narrow = static_cast<uint32_t>(bits);
      float single = 0;
      std::memcpy(&single, &narrow, sizeof(single));
      value = single;
    } else {
      std::memcpy(&value, &bits, sizeof(value));
    }
    if (!std::isfinite(value)) return Wrong("JSON has no such number");
    absl::StrAppendFormat(&out_, "%.17g", value);
    return true;
  }

  bool Signed(size_t size) {
    uint64_t bits = 0;
    if (!Number(size, &bits)) return false;
    const int shift = static_cast<int>(64 - 8 * size);
    absl::StrAppend(&out_, static_cast<int64_t>(bits << shift) >> shift);
    return true;
  }

  bool Unsigned(size_t size) {
    uint64_t number = 0;
    if (!Number(size, &number)) return false;
    absl::StrAppend(&out_, number);
    return true;
  }

  bool Literal(const char* text) {
    out_ += text;
    return true;
  }

  bool Value(int depth) {
    uint64_t tag = 0;
    if (!Number(1, &tag)) return false;
    if (tag <= 0x7F) return Literal(absl::StrCat(tag).c_str());
    if (tag <= 0x8F) return Map(tag & 0x0F, depth);
    if (tag <= 0x9F) return Array(tag & 0x0F, depth);
    if (tag <= 0xBF) return String(tag & 0x1F);
    if (tag >= 0xE0) return Literal(absl::StrCat(static_cast<int64_t>(tag) - 256).c_str());
    uint64_t size = 0;
    switch (tag) {
      case 0xC0:
        return Literal("null");
      case 0xC2:
        return Literal("false");
      case 0xC3:
        return Literal("true");
      case 0xCA:
      case 0xCB:
        return Float(tag == 0xCA ? 4 : 8);
      case 0xCC:
      case 0xCD:
      case 0xCE:
      case 0xCF:
        return Unsigned(size_t{1} << (tag - 0xCC));
      case 0xD0:
      case 0xD1:
      case 0xD2:
      case 0xD3:
        return Signed(size_t{1} << (tag - 0xD0));
      case 0xD9:
      case 0xDA:
      case 0xDB:
        return Number(size_t{1} << (tag - 0xD9), &size) && String(size);
      case 0xDC:
      case 0xDD:
        return Number(tag == 0xDC ? 2 : 4, &size) && Array(size, depth);
      case 0xDE:
      case 0xDF:
        return Number(tag == 0xDE ? 2 : 4, &size) && Map(size, depth);
      default:
        return Wrong("bytes and extensions have no place in JSON");
    }
  }

  const absl::string_view bytes_;
  const size_t size_max_;
  size_t at_ = 0;
  std::string out_;
  absl::Status status_;
};

}  // namespace

absl::StatusOr<std::string> MsgpackToJson(absl::string_view bytes, size_t size_max) {
  return Transcoder(bytes, size_max).Run();
}

}  // namespace moa::simulator
