#include "tests/sim/simulation.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/job_shapes.h"

namespace moa::sim {
namespace {

constexpr absl::Duration kFaultsLast = absl::Seconds(40);
// Longest once all goes well: a model may still be closed for hours, and then jobs end by their deadline, ten minutes
// where they name none.
constexpr absl::Duration kCalmAtMost = absl::Minutes(12);

// Never, rarely, often.
double OneOf(Random* random, double rare, double often) {
  const uint32_t which = random->Below(4);
  return which == 0 ? 0 : (which == 3 ? often : rare);
}

}  // namespace

Weather::Weather(Random* random)
    : slow_message(OneOf(random, 2, 20)),
      break_on_send(OneOf(random, 1, 25)),
      lost_request(OneOf(random, 5, 25)),
      slow_disk(OneOf(random, 4, 40)),
      refusing_disk(OneOf(random, 1, 10)),
      stall(OneOf(random, 0.2, 4)),
      failing_call(OneOf(random, 15, 40)),
      hanging_call(OneOf(random, 2, 8)),
      crashes_max(random->Range(0, 12)) {}

const char* BugName(Bug bug) {
  static constexpr const char* kNames[kBugs] = {
      "none",
      "publish-before-durable",
      "acknowledge-before-durable",
      "forget-before-durable",
      "drop-held-undurable",
      "hear-replaced-stream",
      "drop-result",
      "adopt-wrong-input",
      "release-slot-twice",
      "leak-slot",
      "forget-cancel",
      "forget-idempotency",
      "lose-middle-of-tail",
      "forget-reference",
      "dispatch-after-deadline",
      "store-terminal-twice",
      "forget-stragglers",
      "forget-budget",
      "ignore-fence",
      "ignore-suspension",
      "lease-from-reply",
      "forget-gaps",
      "bury-unexpired",
      "bury-renewed",
      "bury-committing",
      "apply-old-view",
      "claim-twice",
      "claim-wrong-input",
      "watch-resumes-late",
      "share-before-published",
      "keep-lowered-share",
      "end-again",
      "forget-keys-elsewhere",
      "run-released",
      "show-uncommitted",
  };
  return kNames[static_cast<int>(bug)];
}

Simulation::Simulation(uint64_t seed, Bug bug, Trace::Mode mode)
    : seed_(seed), world_(seed, bug, mode), provider_(world_) {
  world_.auditor.Inspect(&disk_);
  const uint32_t workers = world_.random.Range(1, 4);
  for (uint32_t i = 0; i < workers; ++i) {
    SimWorker::Shape shape;
    shape.slots = world_.random.Range(1, 5);
    // The first knows all models, so that every job can end.
    for (const std::string& model : Models()) {
      if (i > 0 && world_.random.Percent(60)) shape.models.push_back(model);
    }
    workers_.push_back(std::make_unique<SimWorker>(
        world_, provider_, static_cast<int>(i), std::move(shape), /*coordinators=*/1,
        [this](int, Stream::WorkerEnd end) { return Dial(std::move(end)); }));
  }
  const uint32_t jobs = world_.random.Range(2, 10);
  for (uint32_t i = 0; i < jobs; ++i) {
    clients_.push_back(std::make_unique<SimClient>(world_, i, RandomJob(i, world_.random),
                                                   [this] { return coordinator_.get(); }));
  }
}

std::shared_ptr<Stream> Simulation::Dial(Stream::WorkerEnd worker) {
  if (coordinator_ == nullptr) return nullptr;
  auto stream = std::make_shared<Stream>(world_, next_stream_++, std::move(worker));
  coordinator_->Accept(stream);
  return stream;
}

void Simulation::StartCoordinator() {
  if (coordinator_ != nullptr) return;
  coordinator_ = std::make_unique<SimCoordinator>(world_, disk_);
  coordinator_->Recover();
}

void Simulation::CrashCoordinator() {
  if (coordinator_ == nullptr) return;
  coordinator_ = nullptr;
  // Some workers find it again late: by then their calls may be those of a history that was lost.
  for (const auto& worker : workers_) {
    if (!world_.random.Percent(25)) continue;
    worker->CutOff(world_.random.Between(absl::ZeroDuration(), absl::Seconds(8)));
  }
  world_.queue.After(world_.random.Between(absl::Milliseconds(1), absl::Seconds(3)),
                     [this] { StartCoordinator(); });
}

void Simulation::PlanFaults() {
  Random& random = world_.random;
  const auto at_some_time = [&](uint32_t times, const std::function<void()>& happens) {
    for (uint32_t i = random.Range(0, times); i > 0; --i) {
      world_.queue.After(random.Between(absl::ZeroDuration(), kFaultsLast), [this, happens] {
        if (world_.faults) happens();
      });
    }
  };
  at_some_time(world_.weather.crashes_max, [this] { CrashCoordinator(); });
  for (const auto& owned : workers_) {
    SimWorker* worker = owned.get();
    const auto start_later = [this, worker](absl::Duration longest) {
      world_.queue.After(world_.random.Between(absl::Milliseconds(10), longest),
                         [worker] { worker->Start(); });
    };
    at_some_time(2, [worker, start_later] {
      worker->Crash();
      start_later(absl::Seconds(5));
    });
    at_some_time(1, [worker, start_later] {
      worker->Drain();
      start_later(absl::Seconds(15));
    });
    at_some_time(5, [worker] { worker->BreakStreams(); });
    at_some_time(2, [this, worker] {
      worker->CutOff(world_.random.Between(absl::ZeroDuration(), absl::Seconds(8)));
    });
    at_some_time(1, [this, worker] { worker->SetSlots(world_.random.Range(1, 5)); });
  }
}

void Simulation::Calm() {
  world_.trace("from here on all goes well");
  world_.faults = false;
  StartCoordinator();
  for (const auto& worker : workers_) {
    if (worker->draining()) worker->Crash();
    worker->Start();
  }
}

// Who is connected for long has been told of every end.
void Simulation::CheckEndedJobs() {
  for (const auto& worker : workers_) {
    world_.auditor.CheckNoneIsOver(worker->RunningFor(absl::Seconds(10)));
  }
  world_.queue.After(absl::Seconds(3), [this] { CheckEndedJobs(); });
}

std::string Simulation::Leftovers() const {
  std::string left = coordinator_->Leftovers();
  for (const auto& worker : workers_) left += worker->Holds();
  for (const auto& client : clients_) {
    if (!client->done()) absl::StrAppend(&left, client->key(), " waits; ");
  }
  return left;
}

bool Simulation::IsQuiet() const {
  return std::all_of(clients_.begin(), clients_.end(), [](const auto& c) { return c->done(); }) &&
         Leftovers().empty();
}

Outcome Simulation::Run() {
  StartCoordinator();
  for (const auto& worker : workers_) worker->Start();
  for (const auto& client : clients_) {
    world_.queue.After(world_.random.Between(absl::ZeroDuration(), absl::Seconds(25)),
                       [&client] { client->Start(); });
  }
  PlanFaults();
  CheckEndedJobs();
  const absl::Time calm = world_.queue.now() + kFaultsLast;
  while (!world_.auditor.failed() && world_.queue.RunNext(calm)) {
  }
  bool quiet = false;
  if (!world_.auditor.failed()) {
    Calm();
    for (absl::Duration waited; waited < kCalmAtMost && !quiet; waited += absl::Seconds(1)) {
      const absl::Time until = world_.queue.now() + absl::Seconds(1);
      while (!world_.auditor.failed() && world_.queue.RunNext(until)) {
      }
      quiet = world_.auditor.failed() || IsQuiet();
    }
  }
  if (!world_.auditor.failed()) world_.auditor.CheckAcknowledgedJobsEnded();
  world_.auditor.Require(quiet || world_.auditor.failed(),
                         "nothing is left over once all has ended",
                         quiet || coordinator_ == nullptr ? "" : Leftovers());
  return {.seed = seed_,
          .rule = world_.auditor.rule(),
          .details = world_.auditor.details(),
          .last = world_.trace.last(),
          .events = world_.queue.ran(),
          .jobs = disk_.jobs.size(),
          .calls = world_.auditor.calls()};
}

Outcome RunSeed(uint64_t seed, Bug bug) {
  Outcome outcome = Simulation(seed, bug).Run();
  if (outcome.ok()) return outcome;
  return Simulation(seed, bug, Trace::Mode::kKeepLast).Run();
}

}  // namespace moa::sim
