#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/check.h"
#include "common/base/status_matchers.h"
#include "common/loop/loop.h"
#include "coordinator/store/sqlite/sqlite_job_store.h"
#include "tests/coordinator/store/store_fixtures.h"

namespace moa {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A store_crash_writer in a process of its own. Not thread-safe.
class CrashWriter {
 public:
  CrashWriter(const std::string& path, int64_t round) {
    int pipe_fds[2];
    MOA_CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
    const std::string round_text = absl::StrCat(round);
    pid_ = fork();
    MOA_CHECK(pid_ >= 0);
    if (pid_ == 0) {
      dup2(pipe_fds[1], STDOUT_FILENO);
      execl(MOA_STORE_CRASH_WRITER, "store_crash_writer", path.c_str(), round_text.c_str(),
            nullptr);
      _exit(127);
    }
    close(pipe_fds[1]);
    fd_ = pipe_fds[0];
  }
  ~CrashWriter() {
    Kill();
    close(fd_);
  }
  CrashWriter(const CrashWriter&) = delete;
  CrashWriter& operator=(const CrashWriter&) = delete;

  pid_t pid() const { return pid_; }

  // Reads until it has reported `lines` or `deadline` has passed.
  void ReadLines(size_t lines, absl::Time deadline) {
    while (reported_lines_ < lines && Loop::Now() < deadline) {
      pollfd poll_fd = {fd_, POLLIN, 0};
      poll(&poll_fd, 1, static_cast<int>(absl::ToInt64Milliseconds(deadline - Loop::Now())) + 1);
      if (poll_fd.revents != 0 && !ReadOnce()) return;
    }
  }

  // Kills it, waits for its end, and reads what it had reported before.
  void Kill() {
    if (pid_ < 0) return;
    kill(pid_, SIGKILL);
    MOA_CHECK(waitpid(pid_, &exit_status_, 0) == pid_);
    pid_ = -1;
    while (ReadOnce()) {
    }
  }
  bool WasKilled() const { return WIFSIGNALED(exit_status_) && WTERMSIG(exit_status_) == SIGKILL; }

  // The complete lines: one that the kill cut short says nothing.
  std::vector<std::string> Lines() const {
    std::vector<std::string> lines = absl::StrSplit(reported_, '\n');
    lines.pop_back();
    return lines;
  }

 private:
  bool ReadOnce() {
    char buffer[4096];
    const ssize_t size = read(fd_, buffer, sizeof buffer);
    if (size <= 0) return false;
    for (ssize_t i = 0; i < size; ++i) reported_lines_ += buffer[i] == '\n' ? 1 : 0;
    reported_.append(buffer, static_cast<size_t>(size));
    return true;
  }

  pid_t pid_ = -1;
  int fd_ = -1;
  int exit_status_ = 0;
  std::string reported_;
  size_t reported_lines_ = 0;
};

// The writes of `round` that the store holds are those from 0 to some `n`, each job's events are
// without gaps, and all that was acknowledged is among them.
void VerifyRound(JobStore& store, int64_t round, const std::vector<std::string>& lines) {
  int64_t acknowledged = -1;
  for (const std::string& line : lines) {
    const std::vector<std::string> parts = absl::StrSplit(line, ' ');
    int64_t n = 0;
    if (parts.size() == 3 && absl::SimpleAtoi(parts[0], &n))
      acknowledged = std::max(acknowledged, n);
  }
  JobQuery query;
  query.limit = SIZE_MAX;
  ASSERT_OK_AND_ASSIGN(std::vector<JobRow> rows, store.List(query));
  std::vector<int64_t> held;
  for (const JobRow& row : rows) {
    ASSERT_OK_AND_ASSIGN(StoredJob job, store.Read(row.id));
    for (size_t i = 0; i < job.events.size(); ++i) {
      ASSERT_EQ(job.events[i].sequence, i + 1) << "a gap in job " << row.id;
      const std::vector<std::string> parts =
          absl::StrSplit(std::string(job.events[i].payload.view()), ':');
      ASSERT_EQ(parts.size(), 2u);
      int64_t n = 0;
      ASSERT_TRUE(absl::SimpleAtoi(parts[1], &n));
      if (parts[0] == absl::StrCat(round)) held.push_back(n);
    }
    ASSERT_EQ(row.state == StoredState::kSucceeded, job.events.size() == 5) << row.id;
  }
  std::sort(held.begin(), held.end());
  for (size_t i = 0; i < held.size(); ++i) {
    ASSERT_EQ(held[i], static_cast<int64_t>(i)) << "a later write is there without an earlier one";
  }
  ASSERT_GE(static_cast<int64_t>(held.size()), acknowledged + 1) << "an acknowledged write is lost";
}

// A process that writes is killed at random moments, some of them while it opens the store; each
// time the next one opens what it left.
TEST(StoreCrashTest, NothingAcknowledgedIsLostWhenTheProcessIsKilled) {
  constexpr int64_t kRounds = 40;
  std::mt19937_64 random(20261121);
  int rounds_with_writes = 0;
  auto directory = std::make_unique<TempDirectory>();
  uint64_t epoch = 0;
  for (int64_t round = 0; round < kRounds; ++round) {
    // A fresh file now and then: making one is a moment too.
    if (round % 8 == 0) {
      directory = std::make_unique<TempDirectory>();
      epoch = 0;
    }
    const std::string path = directory->File("jobs.db");
    CrashWriter writer(path, round);
    if (random() % 4 == 0) {
      writer.ReadLines(1, Loop::Now() + absl::Milliseconds(random() % 20));
    } else {
      writer.ReadLines(1 + random() % 400, Loop::Now() + absl::Seconds(30));
    }
    writer.Kill();
    ASSERT_TRUE(writer.WasKilled()) << "it ended by itself";
    const std::vector<std::string> lines = writer.Lines();
    rounds_with_writes += lines.size() > 1 ? 1 : 0;

    ASSERT_OK_AND_ASSIGN(std::unique_ptr<JobStore> store,
                         OpenSqliteJobStore(path, SqliteJobStoreOptions()));
    ASSERT_NO_FATAL_FAILURE(VerifyRound(*store, round, lines)) << "round " << round;
    ASSERT_OK_AND_ASSIGN(const uint64_t next, store->NextEpoch());
    uint64_t reported = epoch;
    if (!lines.empty()) {
      ASSERT_TRUE(absl::SimpleAtoi(lines[0].substr(2), &reported));
    }
    ASSERT_GT(next, reported);
    epoch = next;
  }
  EXPECT_GT(rounds_with_writes, kRounds / 2);
}

TEST(StoreCrashTest, ASecondProcessIsToldWhoHoldsTheStore) {
  TempDirectory directory;
  const std::string path = directory.File("jobs.db");
  CrashWriter writer(path, 0);
  writer.ReadLines(1, Loop::Now() + absl::Seconds(30));
  EXPECT_THAT(OpenSqliteJobStore(path, SqliteJobStoreOptions()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(path), HasSubstr(absl::StrCat("process ", writer.pid())),
                             HasSubstr("store_crash_wri"))));
  writer.Kill();
  EXPECT_OK(OpenSqliteJobStore(path, SqliteJobStoreOptions()));
}

}  // namespace
}  // namespace moa
