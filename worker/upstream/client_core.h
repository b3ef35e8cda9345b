#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/loop/loop.h"
#include "worker/upstream/curl_multi.h"
#include "worker/upstream/transfer.h"
#include "worker/upstream/upstream_client.h"

namespace moa::upstream {

// What UpstreamClient is made of; its header has the rules.
//
// libcurl's callbacks fill transfers and return; results and deltas are delivered when libcurl has
// returned: at the end of a socket's or timer's turn, or by a task posted to the loop when they
// came up inside Start, ListModels or Cancel. So no user's code ever runs inside libcurl, nor
// inside the client's own methods.
//
// Invariant: a transfer is in exactly one of running_, ended_ and pool_.
class UpstreamClient::Core {
 public:
  Core(Loop& loop, UpstreamOptions options, std::string api_key);
  ~Core();
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  CallId Start(ChatRequest request, ChatCallbacks callbacks);
  bool Cancel(CallId id);
  CallId ListModels(absl::AnyInvocable<void(ModelsResult result)> done);
  void WarmUp(size_t count);
  absl::Status ReloadApiKey();
  std::optional<CallProgress> Progress(CallId id) const;
  size_t calls_in_flight() const { return running_.size(); }
  const Provider& provider() const { return shared_.provider; }
  const std::string& key_fingerprint() const { return key_fingerprint_; }

 private:
  using TransferPtr = std::unique_ptr<Transfer>;

  TransferPtr TakeFromPool();
  void Launch(TransferPtr transfer, const absl::Status& sendable);
  // Takes the call off libcurl and settles it; it waits in ended_ for its delivery.
  void End(CallId id, CURLcode code, absl::Time now);
  void CollectFinished();

  void Turn();
  void Deliver();
  void DeliverOne(TransferPtr transfer);
  void DeliverSoon();

  void ArmSweep(absl::Time deadline);
  void Sweep();

  void BuildHeaders();

  Loop& loop_;
  std::string api_key_;
  std::string key_fingerprint_;
  std::shared_ptr<const Transfer::Headers>
      headers_;  // also held by the calls that were started with them
  Transfer::Shared shared_;

  CallId last_id_ = 0;
  bool delivering_ = false;
  bool delivery_posted_ = false;
  // Says to tasks and timers that are still queued in the loop whether the client lives.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);

  // One timer serves the time limits of all calls: it is set for the earliest, and on its turn
  // looks at each. Limits move with every byte that comes, so a timer for each call would be set
  // far more often than it fires.
  Loop::TimerId sweep_timer_ = 0;
  absl::Time sweep_time_ = absl::InfiniteFuture();

  CurlMulti multi_;
  std::unordered_map<CallId, TransferPtr> running_;
  std::deque<TransferPtr> ended_;  // settled, not delivered
  std::vector<TransferPtr> pool_;
};

}  // namespace moa::upstream
