#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace moa {

// A run of build/bin/moactl. Standard input is a file with the given bytes; output goes to files,
// so that no amount of it blocks, except that standard error may be a terminal of 80 columns and 24
// lines.
struct ProgramOptions {
  std::vector<std::string> args;
  std::string input;
  std::vector<std::string> environment;  // "NAME=VALUE", beside PATH and TERM
  bool terminal = false;                 // standard output and error are a terminal
};

class Program {
 public:
  explicit Program(const ProgramOptions& options);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int signal);
  // Waits for the end and returns the exit status, or -1 when a signal ended it.
  int Wait();

  // After Wait.
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }
  const std::string& screen() const { return screen_; }

 private:
  pid_t pid_ = -1;
  int terminal_fd_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  std::string out_;
  std::string err_;
  std::string screen_;  // all that was written to the terminal
};

}  // namespace moa
