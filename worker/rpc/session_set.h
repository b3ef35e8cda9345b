#pragma once

#include <grpcpp/security/credentials.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/loop/loop.h"
#include "worker/rpc/coordinator_names.h"
#include "worker/rpc/session.h"
#include "worker/rpc/slot_grants.h"
#include "worker/rpc/worker_options.h"

namespace moa::worker {

// The sessions of a worker, one for each address of a coordinator: it makes and forgets them as addresses come and go,
// splits the slots among them, and offers to each what another has lost.
//
// An address that is named no more loses its session once that is not connected and holds nothing: what runs ends at the
// orphan limit, results that nobody has claimed are given up after it. Who is connected stays, whatever DNS says.
//
// Two addresses may lead to one process, which then closes the stream that it had when the other's Hello comes. The
// session that was there first stays and dials again, the later one gives it what it holds and ends; its address is left
// alone until the first has been away for a while (WorkerOptions::away_limit) or has found another process.
//
// Owner: the Worker. Loop thread only.
class SessionSet {
 public:
  struct Context {
    Loop& loop;
    const WorkerOptions& options;
    const WorkerIdentity& identity;
    uint32_t slots = 0;
    std::function<void()> lost;  // a coordinator that was connected is not any more
  };
  explicit SessionSet(Context context);
  ~SessionSet();
  SessionSet(const SessionSet&) = delete;
  SessionSet& operator=(const SessionSet&) = delete;

  // Before everything else: what the sessions use.
  void Open(CallClient& client, std::shared_ptr<grpc::ChannelCredentials> credentials);
  // Where coordinators are. Does nothing once draining or closing.
  void SetAddresses(std::vector<CoordinatorAddress> addresses);
  // Begins to connect.
  void Start();
  // As those of Session, for each. From Drain or Close on no session is added.
  void AnnounceStatus();
  void Drain();
  void HandBack();
  void Close(bool at_once);
  void Pump();
  // After each turn of the loop.
  void OnRound();
  // Destroys them. REQUIRES: closed(), and the client is gone.
  void Clear();

  bool closed() const;
  size_t size() const { return members_.size(); }
  size_t connected() const;
  size_t running() const;  // attempts
  // All results are reported and durable.
  bool IsSettled() const;
  // Results that were given up, ever, those of sessions that are gone too.
  size_t dropped_results() const;

 private:
  struct Member {
    CoordinatorAddress at;
    bool wanted = true;               // the address is among those named
    bool leaving = false;             // closed for good: forgotten once its stream has ended
    std::string coordinator_id = "";  // of the last Welcome
    absl::Time dialled = absl::InfinitePast();
    // When it was connected last, or was made; in the future while it is.
    absl::Time connected_until = absl::InfiniteFuture();
    std::unique_ptr<Session> session = nullptr;
  };
  // An address that leads where the one named `first` does.
  struct Duplicate {
    Address address;
    Address first;
    std::string coordinator_id;
  };

  void Add(const CoordinatorAddress& at);
  Session::Callbacks CallbacksOf(Member& member);
  void Leave(Member& member);
  bool IsForgettable(const Member& member, absl::Time now) const;
  // Forgets sessions and makes those that are missing.
  void Reconcile(absl::Time now);
  void OnWelcomed(Member& member, const std::string& coordinator_id);
  void OnLost(Member& member);
  bool IsStillDuplicate(const Duplicate& duplicate, absl::Time now) const;

  size_t IndexOf(const Member& member) const;
  Member* Find(const Address& address) const;
  // The coordinator claims what another session has on offer.
  bool BringTo(const Member& member, const AttemptRef& ref);
  std::vector<SlotGrants::State> SlotStates() const;
  void MoveSlots(absl::Time now);
  void ShareOffers();

  const Context context_;
  CallClient* client_ = nullptr;
  std::shared_ptr<grpc::ChannelCredentials> credentials_;

  std::vector<CoordinatorAddress> wanted_;
  std::vector<std::unique_ptr<Member>> members_;
  std::vector<Duplicate> duplicates_;
  SlotGrants grants_;  // of the members, in their order
  absl::Time grants_timer_ = absl::InfinitePast();
  uint64_t offers_shared_ = 0;  // the sum of the sessions' offer versions then
  bool offers_stale_ = false;   // a session has come or gone since
  bool incomplete_ = false;     // an address may lack its session
  bool started_ = false;
  bool adding_ = true;
  size_t gone_dropped_results_ = 0;
};

}  // namespace moa::worker
