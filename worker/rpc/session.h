#pragma once

#include <grpcpp/channel.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "common/loop/loop.h"
#include "worker/rpc/attempt_table.h"
#include "worker/rpc/backoff.h"
#include "worker/rpc/call_runner.h"
#include "worker/rpc/convert.h"
#include "worker/rpc/hub_stream.h"

namespace moa::worker {

// What a worker says of itself to every coordinator. Owner: the Worker.
struct WorkerIdentity {
  std::string worker_id = "";
  std::string name = "";
  std::vector<std::string> models = {};
  bool draining = false;
  std::string provider = "";
  std::string key_fingerprint = "";
  std::string process = "";  // the worker_id of the process's first worker, where it has several
};

// A worker's relation to one coordinator, over any number of connections: dials it again and again, says in
// Hello what it holds, starts and cancels calls as told, and reports results until they are durable.
//
// Nothing is queued for sending. What there is to say is state (a status that changed, results not reported
// yet, text not sent yet, a heartbeat that is due), and Pump makes the next message from it whenever the
// stream can take one. So results that became ready in one turn of the loop, or while a write was in flight,
// travel as one message, and a coordinator that reads slowly costs no memory.
//
// Owner: a SessionSet. Loop thread only. Destroyed only once closed(), and once the client of its calls is gone or nothing
// runs for the coordinator.
class Session {
 public:
  struct Options {
    std::string address = "";  // for logs: the channel is what is dialled
    AttemptTable::Limits limits = {};
    // A call's own limits; a task's timeout can only shorten the first.
    absl::Duration call_timeout = absl::Minutes(5);
    absl::Duration first_byte_timeout = absl::Seconds(60);
    // Between tries to connect: soon enough that a restarted coordinator finds its workers within a second.
    absl::Duration backoff_first = absl::Milliseconds(100);
    absl::Duration backoff_longest = absl::Seconds(1);
    // A coordinator that accepts the stream and says nothing is given up after this.
    absl::Duration welcome_timeout = absl::Seconds(10);
    // Beyond, contexts are not kept and tasks that name them are refused: a coordinator that never drops
    // contexts must not fill the worker's memory.
    size_t context_bytes_max = 256 << 20;
  };

  // What concerns the other sessions too. Called on the loop.
  struct Callbacks {
    std::function<uint32_t()> dial;  // the slots that Hello says
    // The connection, or a try to connect; maybe more than once.
    std::function<void()> lost;
    // Who is there. The last thing that is done about Welcome: the session may be closed in it.
    std::function<void(const std::string& coordinator_id)> welcomed;
    std::function<void(uint32_t slots)> slots_confirmed;
    std::function<bool(const AttemptRef& ref)>
        bring_here;  // by Move, an attempt that another has on offer
  };

  Session(Loop& loop, std::shared_ptr<grpc::Channel> channel, Options options,
          const WorkerIdentity& identity, CallClient& client, Callbacks callbacks);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // Begins to connect.
  void Start();
  // The identity changed: tells the coordinator.
  void AnnounceStatus() { status_due_ = true; }
  // Takes no new task.
  void Drain();
  // Ends what still runs as WORKER_LOST.
  void HandBack();
  // Ends the connection for good: politely, or at once when `now`.
  void Close(bool at_once);

  // How many attempts the coordinator is told that it may have, and how many it may still have.
  void SetGrant(uint32_t told, uint32_t usable);
  // Attempts that its coordinator may claim: tells it what has changed since it was told last.
  void SetOffers(std::vector<AttemptTable::Held> offers) {
    offers_ = std::move(offers);
    offers_changed_ = true;
  }
  // Attempts that the coordinator would run besides.
  uint32_t waiting() const { return waiting_; }
  // False until it has shown to be of a version that says what it would run.
  bool tells_demand() const { return tells_demand_; }
  // An attempt that `from` has on offer goes on at `to`. False when it has none of that name.
  static bool Move(Session& from, Session& to, const AttemptRef& ref);
  // So does all that `from`, which is not connected, has and `to` has not.
  static void MoveAll(Session& from, Session& to);

  // Sends what can be sent and arms the timer; once after each turn of the loop.
  void Pump();

  bool connected() const { return welcomed_; }
  bool closed() const { return closing_ && !stream_alive_; }
  const std::string& address() const { return options_.address; }
  const AttemptTable& attempts() const { return attempts_; }

 private:
  void Connect();
  void OnReceived(std::vector<v1::CoordinatorMessage>& messages);
  void OnEnded(const absl::Status& status);
  // Gives the stream up; OnEnded follows.
  void Break(absl::string_view why);
  void LoseConnection(absl::string_view why);

  void Handle(v1::CoordinatorMessage& message);
  void HandleWelcome(const v1::Welcome& welcome);
  void HandleContext(const v1::PutContext& context);
  void HandleRunTask(const v1::RunTask& task);
  void HandleClaim(const v1::ClaimAttempts& claim);
  // False when the coordinator knows them all.
  bool NextOffer(v1::OfferAttempts* message);

  // False when there is no text to send now.
  bool NextDeltas(absl::Time now, v1::WorkerMessage* message);
  bool NextMessage(absl::Time now, v1::WorkerMessage* message);
  v1::WorkerMessage MakeHello();
  // Time has passed: connects, gives up, sends heartbeats, closes orphans.
  void Advance(absl::Time now);
  absl::Time NextDeadline() const;
  void ArmTimer();

  // Constant after construction.
  Loop& loop_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::WorkerHub::Stub> stub_;
  const Options options_;
  const WorkerIdentity& identity_;
  const CallClient& client_;

  const Callbacks callbacks_;

  AttemptTable attempts_;
  CallRunner calls_;
  Backoff backoff_;

  // The connection.
  HubStream* stream_ = nullptr;  // null once released
  bool stream_alive_ = false;    // until `ended`, which comes after the release
  bool writing_ = false;
  bool welcomed_ = false;
  bool writes_closed_ = false;
  bool status_due_ = false;
  bool heartbeat_due_ = false;
  uint32_t told_slots_ = 0;
  uint32_t waiting_ = 0;
  bool tells_demand_ = false;
  std::vector<AttemptTable::Held> offers_;  // as they are
  bool offers_changed_ = false;
  absl::flat_hash_set<AttemptRef> told_offers_;  // as the coordinator knows them
  absl::Duration silence_limit_;
  absl::Time opened_time_;
  absl::Time received_time_;
  absl::Time sent_time_;
  absl::Time heartbeat_time_ = absl::InfinitePast();
  Contexts contexts_;
  size_t context_bytes_ = 0;

  // Between connections.
  bool closing_ = false;
  bool outage_logged_ = false;
  absl::Time connect_time_ = absl::InfiniteFuture();

  Loop::TimerId timer_ = 0;
  absl::Time timer_time_ = absl::InfiniteFuture();
};

}  // namespace moa::worker
