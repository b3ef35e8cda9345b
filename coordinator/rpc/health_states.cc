#include "coordinator/rpc/health_states.h"

#include <grpcpp/health_check_service_interface.h>

#include <chrono>
#include <utility>

namespace moa {
namespace {

constexpr char kLiveness[] = "liveness";
constexpr char kReadiness[] = "readiness";
constexpr std::chrono::seconds kPeriod(1);

}  // namespace

HealthStates::HealthStates(grpc::HealthCheckServiceInterface& health,
                           std::function<absl::Status()> ready)
    : health_(health), ready_(std::move(ready)) {
  health_.SetServingStatus(kLiveness, true);
  health_.SetServingStatus(kReadiness, ready_().ok());
  thread_ = std::thread([this] { Run(); });
}

HealthStates::~HealthStates() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void HealthStates::Drain() {
  MutexLock lock(mutex_);
  draining_ = true;
  health_.SetServingStatus(false);
  health_.SetServingStatus(kLiveness, true);
}

void HealthStates::Run() {
  while (true) {
    const bool ready = ready_().ok();
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (!draining_) health_.SetServingStatus(kReadiness, ready);
    changed_.WaitFor(mutex_, kPeriod);
    if (stopping_) return;
  }
}

}  // namespace moa
