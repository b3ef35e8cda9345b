#include "tests/sim/cluster.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/job_shapes.h"
#include "tests/sim/links.h"

namespace moa::sim {
namespace {

constexpr absl::Duration kFaultsLast = absl::Seconds(40);
constexpr absl::Duration kCalmAtMost = absl::Minutes(12);

}  // namespace

ClusterSimulation::ClusterSimulation(uint64_t seed, Bug bug, Trace::Mode mode)
    : seed_(seed), world_(seed, bug, mode), provider_(world_) {
  world_.cluster = true;
  world_.auditor.Inspect(&disk_);
  // Wide for all of them together; now and then so few calls at once that no fair share holds one.
  QuotaRule rule;
  rule.limits.requests[0] = 6000;
  rule.limits.tokens[0] = 3'000'000;
  rule.concurrent_max = world_.random.Percent(25) ? world_.random.Range(1, 4) : 0;
  scheduling_.quotas.push_back(rule);
  scheduling_.share_ppm_initial = 0;
  coordinators_.resize(world_.random.Range(2, 4));
  AddWorkers();
  AddClients();
}

void ClusterSimulation::AddWorkers() {
  const uint32_t workers = world_.random.Range(1, 4);
  for (uint32_t i = 0; i < workers; ++i) {
    SimWorker::Shape shape;
    shape.slots = world_.random.Range(1, 6);
    for (const std::string& model : Models()) {
      if (i > 0 && world_.random.Percent(60)) shape.models.push_back(model);
    }
    const int number = static_cast<int>(i);
    workers_.push_back(std::make_unique<SimWorker>(
        world_, provider_, number, std::move(shape), static_cast<int>(coordinators_.size()),
        [this, number](int address, Stream::WorkerEnd end) {
          return Dial(number, address, std::move(end));
        }));
  }
}

void ClusterSimulation::AddClients() {
  const uint32_t jobs = world_.random.Range(2, 10);
  for (uint32_t i = 0; i < jobs; ++i) {
    preferred_[i] = static_cast<int>(i % coordinators_.size());
    clients_.push_back(std::make_unique<SimClient>(world_, i, RandomJob(i, world_.random),
                                                   [this, i] { return ForClient(i); }));
  }
}

// Stays with one as long as that answers, else goes on to the next.
SimCoordinator* ClusterSimulation::ForClient(uint32_t client) {
  int& address = preferred_[client];
  const int size = static_cast<int>(coordinators_.size());
  if (world_.Fault(3)) address = (address + 1) % size;
  for (int i = 0; i < size; ++i) {
    SimCoordinator* coordinator = coordinators_[static_cast<size_t>(address)].get();
    const bool reached =
        world_.links.BothUp(Links::Client(static_cast<int>(client)), Links::Coordinator(address));
    if (coordinator != nullptr && coordinator->answers() && reached) return coordinator;
    address = (address + 1) % size;
  }
  return nullptr;
}

std::shared_ptr<Stream> ClusterSimulation::Dial(int worker, int address, Stream::WorkerEnd end) {
  SimCoordinator* coordinator = coordinators_[static_cast<size_t>(address)].get();
  if (coordinator == nullptr || !coordinator->answers()) return nullptr;
  if (!world_.links.BothUp(Links::Worker(worker), Links::Coordinator(address))) return nullptr;
  auto stream = std::make_shared<Stream>(world_, next_stream_++, std::move(end));
  stream->Between(Links::Worker(worker), Links::Coordinator(address));
  coordinator->Accept(stream);
  return stream;
}

void ClusterSimulation::Start(int address) {
  auto& coordinator = coordinators_[static_cast<size_t>(address)];
  if (coordinator != nullptr) return;
  if (!world_.links.BothUp(Links::Coordinator(address), Links::kStore)) {
    world_.queue.After(absl::Milliseconds(200), [this, address] { Start(address); });
    return;
  }
  SimCoordinator::Place place;
  place.address = address;
  place.scheduling = scheduling_;
  place.died = [this, address] { Stop(address, absl::Milliseconds(100)); };
  place.shares_changed = [this] { CheckShares(); };
  place.peer = [this, address](uint64_t epoch) -> SimCoordinator* {
    for (size_t i = 0; i < coordinators_.size(); ++i) {
      const int other = static_cast<int>(i);
      if (coordinators_[i] == nullptr || coordinators_[i]->epoch() != epoch) continue;
      const bool reached =
          world_.links.BothUp(Links::Coordinator(address), Links::Coordinator(other));
      return reached && coordinators_[i]->answers() ? coordinators_[i].get() : nullptr;
    }
    return nullptr;
  };
  coordinator = std::make_unique<SimCoordinator>(world_, disk_, std::move(place));
}

// Not at once: what it is doing ends first.
void ClusterSimulation::Stop(int address, absl::Duration down) {
  auto& coordinator = coordinators_[static_cast<size_t>(address)];
  if (coordinator == nullptr) return;
  world_.queue.After(absl::ZeroDuration(),
                     [this, address, down, &coordinator, epoch = coordinator->epoch()] {
                       if (coordinator == nullptr || coordinator->epoch() != epoch) return;
                       coordinator = nullptr;
                       world_.queue.After(down, [this, address] { Start(address); });
                     });
}

void ClusterSimulation::AtSomeTime(uint32_t times, const std::function<void()>& happens) {
  for (uint32_t i = world_.random.Range(0, times); i > 0; --i) {
    world_.queue.After(world_.random.Between(absl::ZeroDuration(), kFaultsLast), [this, happens] {
      if (world_.faults) happens();
    });
  }
}

void ClusterSimulation::CutSomething() {
  Random& random = world_.random;
  const auto node = [&] {
    const uint32_t kind = random.Below(8);
    const auto coordinators = static_cast<uint32_t>(coordinators_.size());
    if (kind < 2) return Links::kStore;
    if (kind < 5) return Links::Coordinator(static_cast<int>(random.Below(coordinators)));
    if (kind < 7) {
      return Links::Worker(static_cast<int>(random.Below(static_cast<uint32_t>(workers_.size()))));
    }
    return Links::Client(static_cast<int>(random.Below(static_cast<uint32_t>(clients_.size()))));
  };
  const int a = node();
  const int b = Links::Coordinator(
      static_cast<int>(random.Below(static_cast<uint32_t>(coordinators_.size()))));
  const absl::Duration duration = random.Between(absl::Milliseconds(50), absl::Seconds(12));
  const uint32_t ways = random.Below(4);  // one, the other, or both
  world_.trace("nodes ", a, " and ", b, " are cut off for ", absl::FormatDuration(duration));
  if (ways != 1) world_.links.Cut(a, b, duration);
  if (ways != 0) world_.links.Cut(b, a, duration);
}

void ClusterSimulation::StoreGoesAway() {
  const absl::Duration duration = world_.random.Between(absl::Milliseconds(50), absl::Seconds(10));
  world_.trace("the store is away for ", absl::FormatDuration(duration));
  for (size_t i = 0; i < coordinators_.size(); ++i) {
    const int node = Links::Coordinator(static_cast<int>(i));
    world_.links.Cut(node, Links::kStore, duration);
    world_.links.Cut(Links::kStore, node, duration);
  }
}

void ClusterSimulation::PlanWorkerFaults(SimWorker* worker) {
  const auto start_later = [this, worker](absl::Duration longest) {
    world_.queue.After(world_.random.Between(absl::Milliseconds(10), longest),
                       [worker] { worker->Start(); });
  };
  AtSomeTime(2, [worker, start_later] {
    worker->Crash();
    start_later(absl::Seconds(5));
  });
  AtSomeTime(1, [worker, start_later] {
    worker->Drain();
    start_later(absl::Seconds(15));
  });
  AtSomeTime(4, [worker] { worker->BreakStreams(); });
  AtSomeTime(1, [this, worker] { worker->SetSlots(world_.random.Range(1, 5)); });
}

void ClusterSimulation::PlanFaults() {
  Random& random = world_.random;
  for (size_t i = 0; i < coordinators_.size(); ++i) {
    const int address = static_cast<int>(i);
    AtSomeTime(world_.weather.crashes_max / 4, [this, address] {
      Stop(address, world_.random.Between(absl::Milliseconds(1), absl::Seconds(9)));
    });
    AtSomeTime(2, [this, i] {
      if (coordinators_[i] == nullptr) return;
      coordinators_[i]->Pause(
          world_.random.Between(absl::Milliseconds(100), SimMember::kLease * 2.5));
    });
    AtSomeTime(1, [this, i] {
      if (coordinators_[i] == nullptr) return;
      coordinators_[i]->MoveClock(world_.random.Between(-absl::Seconds(2), absl::Seconds(2)));
    });
    AtSomeTime(3, [this, i] {
      if (coordinators_[i] != nullptr) coordinators_[i]->ReleaseOne();
    });
  }
  AtSomeTime(random.Percent(50) ? 12 : 3, [this] { CutSomething(); });
  AtSomeTime(1, [this] { StoreGoesAway(); });
  for (const auto& worker : workers_) PlanWorkerFaults(worker.get());
}

void ClusterSimulation::Calm() {
  world_.trace("from here on all goes well");
  world_.faults = false;
  world_.links.HealAll();
  for (const auto& worker : workers_) {
    if (worker->draining()) worker->Crash();
    worker->Start();
  }
}

// Whatever the store says of a member: its shares are in use until its lease is over by its own clock.
void ClusterSimulation::CheckShares() {
  std::map<QuotaKey, uint64_t> sums;
  for (const auto& coordinator : coordinators_) {
    if (coordinator == nullptr || coordinator->IsSuspended()) continue;
    for (const QuotaNeed& need : coordinator->SharesInUse()) sums[need.of] += need.share_ppm;
  }
  for (const auto& [of, sum] : sums) world_.auditor.SharesInUse(of, sum);
}

// Who is connected for long has been told of every end.
void ClusterSimulation::CheckEndedJobs() {
  for (const auto& worker : workers_) {
    world_.auditor.CheckNoneIsOver(worker->RunningFor(absl::Seconds(10)));
  }
  world_.queue.After(absl::Seconds(3), [this] { CheckEndedJobs(); });
}

std::string ClusterSimulation::Leftovers() const {
  std::string left;
  for (const auto& coordinator : coordinators_) {
    absl::StrAppend(&left,
                    coordinator == nullptr ? "a coordinator is down; " : coordinator->Leftovers());
  }
  for (const auto& worker : workers_) left += worker->Holds();
  for (const auto& client : clients_) {
    if (!client->done()) absl::StrAppend(&left, client->key(), " waits; ");
  }
  for (const auto& [id, job] : disk_.jobs) {
    if (!job.terminal()) absl::StrAppend(&left, "job ", id.value(), " of ", job.owner, " waits; ");
  }
  return left;
}

bool ClusterSimulation::IsQuiet() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->done(); }) &&
         Leftovers().empty();
}

Outcome ClusterSimulation::Run() {
  for (size_t i = 0; i < coordinators_.size(); ++i) Start(static_cast<int>(i));
  for (const auto& worker : workers_) worker->Start();
  for (const auto& client : clients_) {
    world_.queue.After(world_.random.Between(absl::ZeroDuration(), absl::Seconds(25)),
                       [&client] { client->Start(); });
  }
  PlanFaults();
  CheckEndedJobs();
  Auditor& auditor = world_.auditor;
  const absl::Time calm = world_.queue.now() + kFaultsLast;
  while (!auditor.failed() && world_.queue.RunNext(calm)) {
  }
  bool quiet = false;
  if (!auditor.failed()) {
    Calm();
    for (absl::Duration waited; waited < kCalmAtMost && !quiet; waited += absl::Seconds(1)) {
      const absl::Time until = world_.queue.now() + absl::Seconds(1);
      while (!auditor.failed() && world_.queue.RunNext(until)) {
      }
      quiet = auditor.failed() || IsQuiet();
    }
  }
  if (!auditor.failed()) auditor.CheckAcknowledgedJobsEnded();
  auditor.Require(quiet || auditor.failed(), "nothing is left over once all has ended",
                  quiet ? "" : Leftovers());
  return {.seed = seed_,
          .rule = auditor.rule(),
          .details = auditor.details(),
          .last = world_.trace.last(),
          .events = world_.queue.ran(),
          .jobs = disk_.jobs.size(),
          .calls = auditor.calls()};
}

Outcome RunClusterSeed(uint64_t seed, Bug bug) {
  Outcome outcome = ClusterSimulation(seed, bug).Run();
  if (outcome.ok()) return outcome;
  return ClusterSimulation(seed, bug, Trace::Mode::kKeepLast).Run();
}

}  // namespace moa::sim
