#include "tests/worker/upstream/test_authority.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"

namespace moa::upstream {
namespace {

constexpr char kNewKey[] = " -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";

std::string MakeDirectory() {
  static std::atomic<int> count = 0;
  const std::string dir = absl::StrCat(std::filesystem::temp_directory_path().string(),
                                       "/moa_tls_test.", getpid(), ".", ++count);
  std::filesystem::create_directories(dir);
  return dir;
}

}  // namespace

TestAuthority::TestAuthority() : dir_(MakeDirectory()) { MakeStranger("ca"); }

TestAuthority::~TestAuthority() { std::filesystem::remove_all(dir_); }

void TestAuthority::Shell(const std::string& command) {
  MOA_CHECK(std::system(absl::StrCat("cd ", dir_, " && ", command, " 2>>log").c_str()) == 0);
}

void TestAuthority::MakeStranger(const std::string& name) {
  Shell(absl::StrCat("openssl req -x509", kNewKey, " -days 2 -subj /CN=", name, " -keyout ", name,
                     ".key -out ", name, ".pem"));
}

void TestAuthority::Sign(const std::string& name, const std::string& alternatives) {
  Shell(absl::StrCat("openssl req", kNewKey, " -subj /CN=", name, " -keyout ", name, ".key -out ",
                     name, ".csr"));
  Shell(absl::StrCat("echo subjectAltName=", alternatives, " > ", name, ".ext"));
  Shell(absl::StrCat("openssl x509 -req -in ", name,
                     ".csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ", name,
                     ".ext -out ", name, ".pem"));
}

}  // namespace moa::upstream
