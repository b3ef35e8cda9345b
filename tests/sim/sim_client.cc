#include "tests/sim/sim_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/world.h"

namespace moa::sim {

SimClient::SimClient(World& world, uint32_t number, JobSpec spec, Listener listener)
    : world_(world),
      key_(absl::StrCat("key", number)),
      spec_(std::move(spec)),
      listener_(std::move(listener)) {
  cancels_ = world_.random.Percent(15);
  cheats_ = world_.random.Percent(10);
}

void SimClient::Carry(std::function<void()> action) {
  if (world_.Fault(world_.weather.lost_request)) return;
  world_.queue.After(world_.NetworkDelay(), std::move(action));
}

void SimClient::Submit() {
  if (acknowledged()) return;
  Carry([this] { SubmitArrives(spec_, false); });
  // The same request once more, perhaps long after it was answered.
  if (world_.Fault(10)) {
    world_.queue.After(world_.random.Between(absl::ZeroDuration(), absl::Seconds(20)),
                       [this] { SubmitArrives(spec_, false); });
  }
  world_.queue.After(absl::Seconds(2), [this] { Submit(); });
}

void SimClient::SubmitArrives(const JobSpec& spec, bool other) {
  SimCoordinator* coordinator = listener_();
  if (coordinator == nullptr) return;
  coordinator->Submit(key_, spec, [this, other](SimStore::Outcome outcome, const JobId& id) {
    const bool accepted =
        outcome == SimStore::Outcome::kNew || outcome == SimStore::Outcome::kExisting;
    if (accepted) world_.auditor.Acknowledged(key_, id);
    world_.auditor.Require(!accepted || !other, "a key belongs to one request", key_);
    Carry([this, outcome, id, other] { OnReply(outcome, id, other); });
  });
}

void SimClient::OnReply(SimStore::Outcome outcome, const JobId& id, bool other) {
  if (other || acknowledged()) return;
  world_.auditor.Require(outcome != SimStore::Outcome::kConflict, "a request is the same as itself",
                         key_);
  if (outcome != SimStore::Outcome::kNew && outcome != SimStore::Outcome::kExisting) return;
  world_.trace("client of ", key_, " has job ", id.value());
  id_ = id;
  Watch();
  if (cancels_) {
    world_.queue.After(world_.random.Between(absl::ZeroDuration(), absl::Seconds(15)),
                       [this] { Cancel(); });
  }
  if (cheats_) {
    JobSpec another = spec_;
    another.messages.push_back({.role = Role::kUser, .content = Text("something else")});
    world_.queue.After(world_.random.Between(absl::ZeroDuration(), absl::Seconds(10)),
                       [this, another] { SubmitArrives(another, true); });
  }
}

void SimClient::Cancel() {
  if (cancelled_) return;
  world_.auditor.CancelAsked(id_);
  Carry([this] {
    SimCoordinator* coordinator = listener_();
    if (coordinator == nullptr) return;
    coordinator->Cancel(id_, [this] {
      world_.auditor.EndReported(id_);
      Carry([this] { cancelled_ = true; });
    });
  });
  world_.queue.After(absl::Seconds(3), [this] { Cancel(); });
}

void SimClient::Watch() {
  if (seen_end_) return;
  SimCoordinator* coordinator = listener_();
  // A watch goes on until it breaks: with its coordinator, or on the way.
  if (coordinator != nullptr && (coordinator->epoch() != watch_epoch_ || world_.Fault(10))) {
    const uint64_t watch = ++watch_;
    watch_epoch_ = coordinator->epoch();
    last_delivery_ = world_.queue.now();
    coordinator->Watch(
        id_, last_seen_,
        {.event =
             [this, watch](const Record& record) {
               last_delivery_ =
                   std::max(last_delivery_, world_.queue.now() + world_.NetworkDelay());
               world_.queue.At(last_delivery_, [this, watch, record] { OnEvent(watch, record); });
             },
         .end =
             [this, watch] {
               last_delivery_ =
                   std::max(last_delivery_, world_.queue.now() + world_.NetworkDelay());
               world_.queue.At(last_delivery_, [this, watch] {
                 if (watch == watch_) seen_end_ = true;
               });
             },
         .broken =
             [this, watch] {
               if (watch == watch_) watch_epoch_ = 0;
             }});
  }
  world_.queue.After(absl::Seconds(1), [this] { Watch(); });
}

void SimClient::OnEvent(uint64_t watch, const Record& record) {
  if (watch != watch_) return;
  world_.auditor.Received(id_, last_seen_, record);
  last_seen_ = record.sequence;
}

}  // namespace moa::sim
