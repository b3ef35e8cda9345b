#include "common/hash/sha256.h"

#include <openssl/evp.h>

#include "absl/strings/escaping.h"
#include "common/base/check.h"

namespace moa {

Sha256Hasher::Sha256Hasher() : context_(EVP_MD_CTX_new()) {
  MOA_CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

Sha256Hasher::~Sha256Hasher() { EVP_MD_CTX_free(context_); }

void Sha256Hasher::Add(absl::string_view bytes) {
  MOA_CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

void Sha256Hasher::AddField(absl::string_view bytes) {
  AddNumber(bytes.size());
  Add(bytes);
}

void Sha256Hasher::AddNumber(uint64_t number) {
  std::array<char, 8> bytes{};
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(number >> (8 * i));
  Add(absl::string_view(bytes.data(), bytes.size()));
}

std::string Sha256Hasher::Finish() {
  std::string digest(32, '\0');
  MOA_CHECK(
      EVP_DigestFinal_ex(context_, reinterpret_cast<unsigned char*>(digest.data()), nullptr) == 1);
  MOA_CHECK(EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
  return digest;
}

std::string Sha256(absl::string_view bytes) {
  Sha256Hasher hasher;
  hasher.Add(bytes);
  return hasher.Finish();
}

std::string Sha256Hex(absl::string_view bytes) { return absl::BytesToHexString(Sha256(bytes)); }

}  // namespace moa
