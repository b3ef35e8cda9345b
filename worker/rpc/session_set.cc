#include "worker/rpc/session_set.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/check.h"
#include "common/log/log.h"
#include "common/net/grpc_defaults.h"

namespace moa::worker {
namespace {

std::shared_ptr<grpc::Channel> Dial(const CoordinatorAddress& at,
                                    const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
  grpc::ChannelArguments arguments = ChannelDefaults();
  // The sessions try again within a second; the channel under them must not be the slower one.
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  if (!at.name.empty()) return CreateChannelTo(at.address, at.name, credentials, arguments);
  return grpc::CreateCustomChannel(absl::StrCat("dns:///", at.address.ToString()), credentials,
                                   arguments);
}

}  // namespace

SessionSet::SessionSet(Context context) : context_(std::move(context)), grants_(context_.slots) {}

SessionSet::~SessionSet() { MOA_CHECK(members_.empty()); }

void SessionSet::Open(CallClient& client, std::shared_ptr<grpc::ChannelCredentials> credentials) {
  client_ = &client;
  credentials_ = std::move(credentials);
}

void SessionSet::SetAddresses(std::vector<CoordinatorAddress> addresses) {
  if (!adding_) return;
  wanted_ = std::move(addresses);
  for (const auto& member : members_) {
    member->wanted = std::find(wanted_.begin(), wanted_.end(), member->at) != wanted_.end();
  }
  std::erase_if(duplicates_, [&](const Duplicate& one) {
    return std::none_of(wanted_.begin(), wanted_.end(),
                        [&](const auto& at) { return at.address == one.address; });
  });
  incomplete_ = true;
  Reconcile(Loop::Now());
}

void SessionSet::Start() {
  started_ = true;
  for (const auto& member : members_) member->session->Start();
}

void SessionSet::AnnounceStatus() {
  for (const auto& member : members_) member->session->AnnounceStatus();
}

void SessionSet::Drain() {
  adding_ = false;
  for (const auto& member : members_) member->session->Drain();
}

void SessionSet::HandBack() {
  for (const auto& member : members_) member->session->HandBack();
}

void SessionSet::Close(bool at_once) {
  adding_ = false;
  for (const auto& member : members_) member->session->Close(at_once);
}

void SessionSet::Pump() {
  for (const auto& member : members_) member->session->Pump();
}

void SessionSet::OnRound() {
  const absl::Time now = Loop::Now();
  Reconcile(now);
  MoveSlots(now);
  ShareOffers();
  Pump();
}

void SessionSet::Clear() { members_.clear(); }

bool SessionSet::closed() const {
  return std::all_of(members_.begin(), members_.end(),
                     [](const auto& member) { return member->session->closed(); });
}

size_t SessionSet::connected() const {
  return static_cast<size_t>(std::count_if(
      members_.begin(), members_.end(), [](const auto& one) { return one->session->connected(); }));
}

size_t SessionSet::running() const {
  size_t running = 0;
  for (const auto& member : members_) running += member->session->attempts().running();
  return running;
}

bool SessionSet::IsSettled() const {
  return std::all_of(members_.begin(), members_.end(), [](const auto& member) {
    const AttemptTable& attempts = member->session->attempts();
    return !attempts.has_unreported() && attempts.held_results() == 0;
  });
}

size_t SessionSet::dropped_results() const {
  size_t dropped = gone_dropped_results_;
  for (const auto& member : members_) dropped += member->session->attempts().dropped_results();
  return dropped;
}

void SessionSet::Add(const CoordinatorAddress& at) {
  Session::Options options;
  options.address = at.ToString();
  options.limits.orphan_limit = context_.options.orphan_limit;
  options.call_timeout = context_.options.call_timeout;
  options.first_byte_timeout = context_.options.first_byte_timeout;
  options.welcome_timeout = context_.options.welcome_timeout;
  auto member = std::make_unique<Member>(Member{.at = at, .connected_until = Loop::Now()});
  member->session =
      std::make_unique<Session>(context_.loop, Dial(at, credentials_), std::move(options),
                                context_.identity, *client_, CallbacksOf(*member));
  if (started_) member->session->Start();
  members_.push_back(std::move(member));
  grants_.Add();
  offers_stale_ = true;
}

Session::Callbacks SessionSet::CallbacksOf(Member& member) {
  return {.dial =
              [this, &member] {
                member.dialled = Loop::Now();
                return grants_.Dial(IndexOf(member), SlotStates());
              },
          .lost = [this, &member] { OnLost(member); },
          .welcomed = [this, &member](const std::string& id) { OnWelcomed(member, id); },
          .slots_confirmed = [this,
                              &member](uint32_t slots) { grants_.Confirm(IndexOf(member), slots); },
          .bring_here = [this, &member](const AttemptRef& ref) { return BringTo(member, ref); }};
}

void SessionSet::Leave(Member& member) {
  member.leaving = true;
  member.session->Close(true);
}

bool SessionSet::IsForgettable(const Member& member, absl::Time now) const {
  if (member.wanted || member.leaving || member.session->connected()) return false;
  const AttemptTable& attempts = member.session->attempts();
  if (attempts.running() > 0) return false;
  return attempts.held_results() == 0 ||
         now >= member.connected_until + context_.options.orphan_limit;
}

// What becomes due by time alone (the orphan limit, away_limit) needs no timer: the session that it is about is not
// connected, so that it dials and turns the loop every second.
void SessionSet::Reconcile(absl::Time now) {
  for (size_t i = 0; i < members_.size();) {
    Member& member = *members_[i];
    if (IsForgettable(member, now)) {
      LogInfo("the coordinator's address is not named any more",
              {{"coordinator", member.at.ToString()}});
      Leave(member);
    }
    if (!member.leaving || !member.session->closed()) {
      ++i;
      continue;
    }
    member.session->HandBack();
    gone_dropped_results_ += member.session->attempts().dropped_results();
    gone_dropped_results_ += member.session->attempts().held_results();
    grants_.Remove(i);
    members_.erase(members_.begin() + static_cast<ptrdiff_t>(i));
    offers_stale_ = incomplete_ = true;
  }
  const size_t freed =
      std::erase_if(duplicates_, [&](const Duplicate& one) { return !IsStillDuplicate(one, now); });
  if (freed > 0) incomplete_ = true;
  if (!adding_ || !std::exchange(incomplete_, false)) return;
  for (const CoordinatorAddress& at : wanted_) {
    const bool is_duplicate =
        std::any_of(duplicates_.begin(), duplicates_.end(),
                    [&](const Duplicate& one) { return one.address == at.address; });
    if (!is_duplicate && Find(at.address) == nullptr) Add(at);
  }
}

void SessionSet::OnWelcomed(Member& member, const std::string& coordinator_id) {
  member.coordinator_id = coordinator_id;
  member.connected_until = absl::InfiniteFuture();
  if (coordinator_id.empty()) return;
  for (const auto& other : members_) {
    // One that was lost after this Hello may have been closed because of it.
    const bool was_there = other->connected_until > member.dialled;
    if (other.get() == &member || other->leaving || !was_there ||
        other->coordinator_id != coordinator_id) {
      continue;
    }
    LogInfo("two addresses lead to one coordinator; I leave the second alone",
            {{"first", other->at.ToString()}, {"second", member.at.ToString()}});
    for (Duplicate& one : duplicates_) {
      if (one.first == member.at.address) one.first = other->at.address;
    }
    duplicates_.push_back({member.at.address, other->at.address, coordinator_id});
    Leave(member);
    Session::MoveAll(*member.session, *other->session);
    return;
  }
}

void SessionSet::OnLost(Member& member) {
  grants_.Lose(IndexOf(member));
  if (member.connected_until != absl::InfiniteFuture()) return;
  member.connected_until = Loop::Now();
  if (!member.leaving) context_.lost();
}

bool SessionSet::IsStillDuplicate(const Duplicate& duplicate, absl::Time now) const {
  const Member* first = Find(duplicate.first);
  return first != nullptr && !first->leaving && first->coordinator_id == duplicate.coordinator_id &&
         now < first->connected_until + context_.options.away_limit;
}

size_t SessionSet::IndexOf(const Member& member) const {
  const auto it = std::find_if(members_.begin(), members_.end(),
                               [&](const auto& one) { return one.get() == &member; });
  MOA_CHECK(it != members_.end());
  return static_cast<size_t>(it - members_.begin());
}

SessionSet::Member* SessionSet::Find(const Address& address) const {
  const auto it = std::find_if(members_.begin(), members_.end(),
                               [&](const auto& one) { return one->at.address == address; });
  return it == members_.end() ? nullptr : it->get();
}

bool SessionSet::BringTo(const Member& member, const AttemptRef& ref) {
  return std::any_of(members_.begin(), members_.end(), [&](const auto& other) {
    return other.get() != &member && Session::Move(*other->session, *member.session, ref);
  });
}

std::vector<SlotGrants::State> SessionSet::SlotStates() const {
  std::vector<SlotGrants::State> states;
  for (const auto& member : members_) {
    const Session& session = *member->session;
    states.push_back({.welcomed = session.connected(),
                      .running = static_cast<uint32_t>(session.attempts().running()),
                      .waiting = session.waiting(),
                      .silent = !session.tells_demand()});
  }
  return states;
}

void SessionSet::MoveSlots(absl::Time now) {
  if (members_.empty() || grants_.IsWhole()) return;
  grants_.Rebalance(SlotStates(), now);
  for (size_t i = 0; i < members_.size(); ++i) {
    Session& session = *members_[i]->session;
    if (session.connected()) session.SetGrant(grants_.told(i), grants_.usable(i));
  }
  const absl::Time next = grants_.deadline();
  if (next == absl::InfiniteFuture() || (grants_timer_ > now && next >= grants_timer_)) return;
  grants_timer_ = next;
  context_.loop.CallAt(next, [] {});  // what follows each turn of the loop does the work
}

// Tells each coordinator what it may claim: what the others have left behind, and what it has left undecided.
void SessionSet::ShareOffers() {
  uint64_t version = 0;
  for (const auto& member : members_) version += member->session->attempts().offer_version();
  const bool changed = std::exchange(offers_shared_, version) != version;
  if (!std::exchange(offers_stale_, false) && !changed) return;
  for (const auto& member : members_) {
    std::vector<AttemptTable::Held> offers;
    for (const auto& other : members_) {
      if (other == member && !member->session->connected()) continue;
      for (AttemptTable::Held& held : other->session->attempts().OnOffer()) {
        offers.push_back(std::move(held));
      }
    }
    member->session->SetOffers(std::move(offers));
  }
}

}  // namespace moa::worker
