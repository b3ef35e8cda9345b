#include "simulator/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace moa::simulator {

absl::StatusOr<std::string> Gunzip(absl::string_view bytes, size_t size_max) {
  z_stream stream{};
  constexpr int kGzipOnly = 16 + MAX_WBITS;
  if (bytes.size() > std::numeric_limits<uInt>::max() || inflateInit2(&stream, kGzipOnly) != Z_OK) {
    return absl::InternalError("cannot start zlib");
  }
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int result = Z_OK;
  while (result == Z_OK) {
    const size_t have = out.size();
    if (have > size_max) break;
    out.resize(have + std::max<size_t>(16 * 1024, have));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + have);
    stream.avail_out = static_cast<uInt>(out.size() - have);
    result = inflate(&stream, Z_NO_FLUSH);
    out.resize(out.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (out.size() > size_max) return absl::ResourceExhaustedError("the unpacked body is too large");
  if (result != Z_STREAM_END) return absl::InvalidArgumentError("the body is not valid gzip");
  return out;
}

}  // namespace moa::simulator
