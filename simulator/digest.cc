#include "simulator/digest.h"

#include <array>
#include <cmath>
#include <cstring>

namespace moa::simulator {
namespace {

constexpr uint64_t kMixA = 0x9e3779b97f4a7c15ULL;  // 2^64 / golden ratio
constexpr uint64_t kMixB = 0xd6e8feb86659fd93ULL;
__extension__ using Wide = unsigned __int128;  // -Wpedantic knows no 128-bit integers

uint64_t Multiply(uint64_t a, uint64_t b) {
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

uint64_t Load(const char* at, size_t size) {
  uint64_t word = 0;
  std::memcpy(&word, at, size);  // little-endian on every machine this is built for
  return word;
}

}  // namespace

uint64_t Hash64(absl::string_view bytes, uint64_t seed) {
  uint64_t hash = seed ^ kMixA;
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 16; left -= 16, at += 16) {
    hash = Multiply(Load(at, 8) ^ hash, Load(at + 8, 8) ^ kMixB);
  }
  const uint64_t first = Load(at, left < 8 ? left : 8);
  const uint64_t second = left > 8 ? Load(at + 8, left - 8) : 0;
  hash = Multiply(first ^ hash ^ kMixA, second ^ kMixB);
  return Multiply(hash ^ kMixB, bytes.size() ^ kMixA);
}

std::string Hex16(uint64_t value) {
  std::string out(16, '0');
  for (size_t i = 16; i-- > 0; value >>= 4) out[i] = "0123456789abcdef"[value & 15];
  return out;
}

uint64_t Random::Next() {
  state_ += kMixA;
  uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

int64_t Random::Integer(int64_t low, int64_t high) {
  const auto span = static_cast<uint64_t>(high - low) + 1;
  return low + static_cast<int64_t>(span == 0 ? Next() : Next() % span);
}

double Random::Real() { return static_cast<double>(Next() >> 11) * 0x1.0p-53; }

double Random::LogNormal(double median, double sigma) {
  const double radius = std::sqrt(-2.0 * std::log(1.0 - Real()));
  return median * std::exp(sigma * radius * std::cos(2.0 * 3.14159265358979323846 * Real()));
}

void AppendJsonString(std::string& out, absl::string_view text) {
  out.push_back('"');
  size_t plain = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.data() + plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default: {
        const std::array<char, 7> escape = {
            '\\', 'u', '0', '0', "0123456789abcdef"[c >> 4], "0123456789abcdef"[c & 15], '\0'};
        out += escape.data();
      }
    }
  }
  out.append(text.data() + plain, text.size() - plain);
  out.push_back('"');
}

}  // namespace moa::simulator
