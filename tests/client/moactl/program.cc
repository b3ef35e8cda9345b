#include "tests/client/moactl/program.h"

#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "common/base/check.h"

namespace moa {
namespace {

int MemoryFile(const std::string& content) {
  const int fd = memfd_create("moactl_test", MFD_CLOEXEC);
  MOA_CHECK(fd >= 0);
  MOA_CHECK(write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  MOA_CHECK(lseek(fd, 0, SEEK_SET) == 0);
  return fd;
}

std::string ContentOf(int fd) {
  const off_t size = lseek(fd, 0, SEEK_END);
  std::string content(static_cast<size_t>(size), '\0');
  MOA_CHECK(pread(fd, content.data(), content.size(), 0) == static_cast<ssize_t>(size));
  return content;
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Program::Program(const ProgramOptions& options) {
  const int in = MemoryFile(options.input);
  int slave = -1;
  if (options.terminal) {
    winsize size = {24, 80, 0, 0};
    MOA_CHECK(openpty(&terminal_fd_, &slave, nullptr, nullptr, &size) == 0);
    fcntl(terminal_fd_, F_SETFD, FD_CLOEXEC);
    fcntl(slave, F_SETFD, FD_CLOEXEC);
  }
  out_fd_ = MemoryFile("");
  err_fd_ = MemoryFile("");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, 0);
  posix_spawn_file_actions_adddup2(&actions, options.terminal ? slave : out_fd_, 1);
  posix_spawn_file_actions_adddup2(&actions, options.terminal ? slave : err_fd_, 2);
  std::vector<std::string> args = {MOA_BIN_DIR "/moactl"};
  args.insert(args.end(), options.args.begin(), options.args.end());
  // The first of a name counts.
  std::vector<std::string> environment = options.environment;
  for (const char* usual : {"PATH=/usr/bin:/bin", "TERM=xterm", "TZ=UTC"}) {
    environment.push_back(usual);
  }
  MOA_CHECK(posix_spawn(&pid_, args[0].c_str(), &actions, nullptr, Pointers(args).data(),
                        Pointers(environment).data()) == 0);
  posix_spawn_file_actions_destroy(&actions);
  close(in);
  if (slave >= 0) close(slave);
}

Program::~Program() {
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  if (terminal_fd_ >= 0) close(terminal_fd_);
  close(out_fd_);
  close(err_fd_);
}

void Program::Signal(int signal) { MOA_CHECK(kill(pid_, signal) == 0); }

int Program::Wait() {
  // A terminal must be read while the program runs; it reports an error once the program has gone.
  if (terminal_fd_ >= 0) {
    char buffer[4096];
    ssize_t n = 0;
    while ((n = read(terminal_fd_, buffer, sizeof(buffer))) > 0 || (n < 0 && errno == EINTR)) {
      if (n > 0) screen_.append(buffer, static_cast<size_t>(n));
    }
  }
  int status = 0;
  MOA_CHECK(waitpid(pid_, &status, 0) == pid_);
  pid_ = -1;
  out_ = ContentOf(out_fd_);
  err_ = ContentOf(err_fd_);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace moa
