#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "simulator/digest.h"
#include "tests/chaos/chaos_cluster.h"

namespace moa::chaos {

using simulator::Random;

// One thing that goes wrong, for a bounded time. Made when it is about to strike, used once, by the cluster's thread.
class Fault {
 public:
  virtual ~Fault() = default;

  // Whom it strikes, and how: for the report.
  const std::string& detail() const { return detail_; }
  // How long it lasts at most.
  absl::Duration lasts() const { return lasts_; }
  // Whether others take over what it struck while it lasts, so that throughput is to come back before it is undone.
  bool heals_at_once() const { return heals_at_once_; }
  // Whether what it struck comes back with what it had under way.
  bool comes_back() const { return comes_back_; }
  // Whether calls of the provider can fail by it.
  bool strikes_provider() const { return strikes_provider_; }

  virtual void Strike() = 0;
  // True when it needs no longer wait.
  virtual bool Over() { return false; }
  virtual void Undo() {}

 protected:
  void Describe(std::string detail, absl::Duration lasts) {
    detail_ = std::move(detail);
    lasts_ = lasts;
  }
  void HealsAtOnce(bool value) { heals_at_once_ = value; }
  void ComesBack(bool value) { comes_back_ = value; }
  void StrikesProvider(bool value) { strikes_provider_ = value; }

 private:
  std::string detail_;
  absl::Duration lasts_;
  bool heals_at_once_ = false;
  bool comes_back_ = false;
  bool strikes_provider_ = false;
};

// A kind of fault that a run can have.
struct FaultKind {
  const char* name;
  const char* help;
  // Why this cluster cannot have it; "" when it can.
  std::function<std::string(ChaosCluster&)> why_not;
  std::function<std::unique_ptr<Fault>(ChaosCluster&, Random&)> make;
};

// Each file's.
std::vector<FaultKind> ProcessFaults();
std::vector<FaultKind> PostgresFaults();
std::vector<FaultKind> NetworkFaults();
std::vector<FaultKind> LinkFaults();
std::vector<FaultKind> DiskFaults();

std::vector<FaultKind> AllFaults();

// Of the faults' own files.
absl::Duration DrawDuration(Random& random, absl::Duration low, absl::Duration high);
std::string Possible(ChaosCluster&);
std::string NeedsPostgres(ChaosCluster& cluster);

// A kind whose faults are of class `F`, made from cluster and random numbers.
template <typename F>
FaultKind KindOf(const char* name, const char* help,
                 std::function<std::string(ChaosCluster&)> why_not = Possible) {
  return {name, help, std::move(why_not), [](ChaosCluster& cluster, Random& random) {
            return std::make_unique<F>(cluster, random);
          }};
}

template <typename T>
T& DrawOne(std::vector<T>& all, Random& random) {
  return all[static_cast<size_t>(random.Integer(0, static_cast<int64_t>(all.size()) - 1))];
}

}  // namespace moa::chaos
