#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/http/http_responder.h"
#include "simulator/completion_writer.h"
#include "simulator/faults.h"

namespace moa::simulator {

// Brings one completion to the client: whole or streamed, at the model's pace or at once, as it
// should be or with faults. With a time scale of 0 and no faults it is done before Start returns
// and sets no timer. Shared by the callbacks that it leaves with the connection; those end with the
// exchange. The connection's thread only.
class Delivery : public std::enable_shared_from_this<Delivery> {
 public:
  struct Plan {
    HttpResponder responder;
    Completion completion;
    bool stream = false;
    std::string headers;            // lines in wire form, for every reply
    std::vector<FaultSpec> faults;  // see Faults::Select
    Random random{0};
    // Once, at the end: what became of it (see RequestRecord::outcome) and the status sent (0:
    // none).
    std::function<void(int status, absl::string_view outcome)> on_end;
  };

  static void Start(Plan plan);

  // A request that is answered by a fault before anything was computed: kStatus, kReset, kHang,
  // kHtml. REQUIRES: `fault` is one of those. `headers` as in Plan.
  static bool EndsBeforeReply(FaultKind kind);
  static void Fail(const FaultSpec& fault, absl::string_view headers, HttpResponder responder,
                   std::function<void(int status, absl::string_view outcome)> on_end);

  explicit Delivery(Plan plan);  // use Start

 private:
  using Clock = std::chrono::steady_clock;
  struct Piece {
    absl::Duration delay;  // before it
    std::string bytes;
    bool raw = false;
  };

  void SendWhole();
  void StreamAtOnce();
  void StreamChunks();
  void StartStream();
  void WatchClient();
  void PrepareFaulty();
  void PrepareFaultyStream();
  void PrepareFaultyBody();
  void AddEvent(std::string event, absl::Duration delay);
  void SendPieces();
  void EndFaulty();
  void Finish(int status, absl::string_view outcome);
  const FaultSpec* Find(FaultKind kind) const;
  const FaultSpec* Terminal() const;

  Plan plan_;
  std::unique_ptr<ChunkStream> chunks_;
  Clock::time_point due_;  // of the next chunk
  bool finished_ = false;

  std::vector<Piece> pieces_;  // of a faulty reply
  size_t next_piece_ = 0;
};

}  // namespace moa::simulator
