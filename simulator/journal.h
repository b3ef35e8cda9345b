#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace moa::simulator {

struct RequestRecord;

// A file that remembers every completion request, through the death of the process that writes it: two lines of JSON a
// request, each handed to the kernel at once, appended to what earlier processes wrote.
//
//   {"run":R,"sequence":S,"began_us":T,"model":M,"mark":K,"digest":D,"saw":[D,…],"answer":H,"path":P}
//   {"run":R,"sequence":S,"ended_us":T,"status":200,"outcome":"completed"}
//
// `run` tells the processes apart; times are Unix microseconds; `answer` is a hash of the content that is being given
// (AnswerHash), "" of a refused request. A request that a death of the simulator cut off has no second line.
//
// Owner: main or a test; outlives the RequestLog. Thread-safe: lines are whole.
class Journal {
 public:
  // UNAVAILABLE names the file and says why it cannot be written.
  static absl::StatusOr<std::unique_ptr<Journal>> Open(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  void Began(const RequestRecord& record);
  void Ended(uint64_t sequence, int status, absl::string_view outcome);

 private:
  explicit Journal(int fd);
  void Append(const std::string& line);

  const int fd_;
  const int64_t run_;
};

// 16 hex digits.
std::string AnswerHash(absl::string_view content);

}  // namespace moa::simulator
