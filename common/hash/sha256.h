#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

struct evp_md_ctx_st;

namespace moa {

// SHA-256, as identity of texts and requests (OpenSSL's, which uses the processor's instructions).
//
//   Sha256Hasher hasher;
//   hasher.AddField(model);        // length first: ("ab","c") and ("a","bc") differ
//   hasher.AddNumber(samples);
//   std::string digest = hasher.Finish();
//
// A value type, externally synchronised; after Finish it starts anew.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(const Sha256Hasher&) = delete;
  Sha256Hasher& operator=(const Sha256Hasher&) = delete;

  // The bytes as they are.
  void Add(absl::string_view bytes);
  // The bytes with their length in front.
  void AddField(absl::string_view bytes);
  // Eight bytes, little-endian.
  void AddNumber(uint64_t number);

  // 32 bytes.
  std::string Finish();

 private:
  evp_md_ctx_st* const context_;
};

// 32 bytes.
std::string Sha256(absl::string_view bytes);
// 64 lower-case hexadecimal digits.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace moa
