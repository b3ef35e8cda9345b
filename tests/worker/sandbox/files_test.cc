// Nothing of the host's files and secrets is read, nothing is written anywhere.
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/worker/sandbox/sandbox_rig.h"

namespace moa::sandbox {
namespace {

MOA_SANDBOX_SUITE(SandboxFilesTest);

// What came of each of the statements in `lines`: "done", or the exception's name.
const char kTry[] =
    "import os, sys, ctypes\n"
    "def attempt(what, *arguments):\n"
    "  try: what(*arguments)\n"
    "  except Exception as error: return type(error).__name__\n"
    "  return 'done'\n";

TEST_P(SandboxFilesTest, ReadsNothingOfTheHost) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / absl::StrCat("sandbox-read-", getpid());
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "secret") << "secret";
  const EvaluationOutcome seen = Call(
      std::string(kTry) +
          "def f(paths):\n"
          "  def read(path):\n    with open(path, 'rb') as file: file.read(1)\n"
          "  return [p for p in paths if attempt(read, p) == 'done' or attempt(os.listdir, p) == "
          "'done']",
      absl::StrCat(
          R"([["/etc/passwd", "/etc/shadow", "/etc/hostname", "/proc/self/environ", "/proc/1/environ",
          "/proc/self/maps", "/proc/cpuinfo", "/dev/zero", "/dev/sda", "/sys/kernel", "/", "/root", "/home", "/tmp",
          "/etc", "/proc", "/proc/)",
          getpid(), R"(/environ", "/proc/)", getpid(), R"(/mem", ")", folder.string(), R"(", ")",
          (folder / "secret").string(), "\"]]"));
  std::filesystem::remove_all(folder);
  // A private root may be listed: it holds the interpreter and its library.
  EXPECT_EQ(seen.value, sandbox_->landlock_version() > 0 ? "[]" : "[\"/\"]") << seen.error;
}

TEST_P(SandboxFilesTest, WritesNothing) {
  const std::filesystem::path folder =
      std::filesystem::path(testing::TempDir()) / absl::StrCat("sandbox-write-", getpid());
  std::filesystem::create_directories(folder);
  const std::filesystem::path file = folder / "kept";
  std::ofstream(file) << "kept";
  std::filesystem::permissions(folder, std::filesystem::perms::all);
  std::filesystem::permissions(file, std::filesystem::perms::all);
  const EvaluationOutcome seen = Call(
      std::string(kTry) +
          "libc = ctypes.CDLL(None, use_errno=True)\n"
          "def raw(name, *arguments):\n"
          "  if getattr(libc, name)(*arguments) != 0: raise OSError(ctypes.get_errno(), name)\n"
          "def f(folder):\n"
          "  kept, new = folder + '/kept', folder + '/new'\n"
          "  k, n = kept.encode(), new.encode()\n"
          "  attempts = [(open, kept, 'w'), (open, kept, 'a'), (open, kept, 'r+'), (open, new, "
          "'w'),\n"
          "    (os.open, folder, os.O_TMPFILE | os.O_RDWR), (os.mkdir, new), (os.remove, kept), "
          "(os.rename, kept, new),\n"
          "    (os.link, kept, new), (os.symlink, kept, new), (os.truncate, kept, 0), (os.chmod, "
          "kept, 0),\n"
          "    (os.utime, kept), (os.chown, kept, 1, 1), (os.mkfifo, new), (os.rmdir, folder), "
          "(os.chdir, folder),\n"
          "    (os.setxattr, kept, 'user.a', b'a'), (os.memfd_create, 'a'), (os.chroot, folder), "
          "(os.pipe,),\n"
          "    (open, '/new', 'w'), (open, '/tmp/new', 'w'), (open, '/dev/shm/new', 'w'),\n"
          "    (raw, 'truncate', k, 0), (raw, 'creat', n, 0o777), (raw, 'rename', k, n),\n"
          "    (raw, 'unlink', k), (raw, 'mount', b'tmpfs', folder.encode(), b'tmpfs', 0, None)]\n"
          "  return [str(a[:2]) for a in attempts if attempt(*a) == 'done']",
      absl::StrCat("[\"", folder.string(), "\"]"));
  EXPECT_EQ(seen.value, "[]") << seen.error;
  std::ostringstream content;
  content << std::ifstream(file).rdbuf();
  EXPECT_EQ(content.str(), "kept");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  EXPECT_FALSE(std::filesystem::exists("/new") || std::filesystem::exists("/tmp/new"));
  std::filesystem::remove_all(folder);
}

TEST_P(SandboxFilesTest, InheritsNoEnvironmentAndNoDescriptors) {
  ASSERT_EQ(setenv("MOA_TEST_KEY", "secret", 1), 0);
  const int secret = open("/etc/passwd", O_RDONLY);  // inherited, where nothing closes it
  ASSERT_GE(secret, 0);
  ASSERT_EQ(fcntl(secret, F_DUPFD, 60), 60);
  const EvaluationOutcome seen = Call(
      "import os\n"
      "def f():\n"
      "  there = []\n"
      "  for fd in range(200):\n"
      "    try: os.fstat(fd)\n"
      "    except OSError: continue\n"
      "    there.append(fd)\n"
      "  return [sorted(os.environ), there]");
  close(60);
  close(secret);
  unsetenv("MOA_TEST_KEY");
  // LC_CTYPE is the interpreter's own doing.
  EXPECT_THAT(seen.value, testing::AnyOf("[[],[0,1,2,3]]", "[[\"LC_CTYPE\"],[0,1,2,3]]"))
      << seen.error;
}

// The request is read again at will, but not changed.
TEST_P(SandboxFilesTest, StandardInputIsUsedUpAndReadOnly) {
  EXPECT_EQ(Call("import sys\ndef f(): return sys.stdin.read()").value, "\"\"");
  const EvaluationOutcome seen =
      Call(std::string(kTry) +
           "def f(): return [attempt(os.write, 0, b'x'), attempt(os.ftruncate, 0, 0),\n"
           "  attempt(ctypes.string_at, 0, 0)]");
  EXPECT_EQ(seen.value, R"(["OSError","PermissionError","done"])");
}

}  // namespace
}  // namespace moa::sandbox
