#include "simulator/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "simulator/digest.h"
#include "simulator/request_record.h"

namespace moa::simulator {
namespace {

int64_t NowUs() { return absl::ToUnixMicros(absl::Now()); }

}  // namespace

std::string AnswerHash(absl::string_view content) { return Hex16(Hash64(content, 0)); }

absl::StatusOr<std::unique_ptr<Journal>> Journal::Open(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) {
    return absl::UnavailableError(absl::StrCat("cannot write ", path, ": ", std::strerror(errno)));
  }
  return std::unique_ptr<Journal>(new Journal(fd));
}

Journal::Journal(int fd) : fd_(fd), run_(NowUs()) {}
Journal::~Journal() { close(fd_); }

void Journal::Began(const RequestRecord& record) {
  std::string line = absl::StrCat("{\"run\":", run_, ",\"sequence\":", record.sequence,
                                  ",\"began_us\":", NowUs(), ",\"model\":");
  AppendJsonString(line, record.model);
  absl::StrAppend(&line, ",\"mark\":\"", record.mark, "\",\"digest\":\"", record.digest,
                  "\",\"saw\":[");
  for (size_t i = 0; i < record.saw.size(); ++i) {
    absl::StrAppend(&line, i == 0 ? "\"" : ",\"", record.saw[i], "\"");
  }
  absl::StrAppend(&line, "],\"answer\":\"", record.answer, "\",\"path\":");
  AppendJsonString(line, record.path);
  Append(line + "}\n");
}

void Journal::Ended(uint64_t sequence, int status, absl::string_view outcome) {
  Append(absl::StrCat("{\"run\":", run_, ",\"sequence\":", sequence, ",\"ended_us\":", NowUs(),
                      ",\"status\":", status, ",\"outcome\":\"", outcome, "\"}\n"));
}

void Journal::Append(const std::string& line) {
  // One write is one line: O_APPEND keeps those of several threads apart. A full disk loses lines, not the simulator.
  [[maybe_unused]] const ssize_t written = write(fd_, line.data(), line.size());
}

}  // namespace moa::simulator
