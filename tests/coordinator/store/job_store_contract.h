#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/store/job_store.h"

namespace moa {

// One place where stores live: opening it again gives the same jobs. Destroying it removes them.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  // REQUIRES: the store opened before has been destroyed.
  virtual absl::StatusOr<std::unique_ptr<JobStore>> Open(JobStore::CallbackRunner runner) = 0;
  // False where nothing outlives the store.
  virtual bool durable() const = 0;
};

// What is asked of every implementation of JobStore. Instantiate with a maker of empty places:
//
//   INSTANTIATE_TEST_SUITE_P(Sqlite, JobStoreContractTest, testing::Values(StoreKind{"Sqlite",
//   Make}));
struct StoreKind {
  std::string name;
  std::function<std::unique_ptr<StorePlace>()> make_place;
};

// For GoogleTest, which would print the bytes: those differ from run to run, and with them the
// names that CTest has for the tests.
inline void PrintTo(const StoreKind& kind, std::ostream* out) { *out << kind.name; }

class JobStoreContractTest : public testing::TestWithParam<StoreKind> {
 protected:
  void SetUp() override;

  // Closes the store and opens its place again.
  void Reopen();

  std::unique_ptr<StorePlace> place_;
  std::unique_ptr<JobStore> store_;
};

}  // namespace moa
