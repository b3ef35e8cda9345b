#pragma once

#include <string>

namespace moa::upstream {

// A throw-away certificate authority, made by openssl in a directory of its own that goes with it. Files
// are PEM. Owner: a test.
class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  // A certificate NAME.pem with its key NAME.key for `alternatives`, as "IP:127.0.0.1,DNS:localhost".
  void Sign(const std::string& name, const std::string& alternatives);
  // Another authority, NAME.pem.
  void MakeStranger(const std::string& name);
  // Runs a command in the directory; it must succeed.
  void Shell(const std::string& command);

  const std::string& dir() const { return dir_; }
  std::string File(const std::string& name) const { return dir_ + "/" + name; }
  std::string ca_file() const { return File("ca.pem"); }

 private:
  const std::string dir_;
};

}  // namespace moa::upstream
