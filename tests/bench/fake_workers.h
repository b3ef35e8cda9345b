#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace moa::bench {

// Many workers in this process that answer each call at once, each with a connection of its own to the coordinator: a
// load that costs a coordinator what real workers do, and this machine little. Dropping it breaks the streams.
// Thread-safe.
class FakeWorkers {
 public:
  struct Options {
    int64_t workers = 1;
    uint32_t slots = 8;  // of each
    std::string model = "gpt-oss-120b";
  };
  // Returns once all are welcome. Throws std::runtime_error when one is not within a minute.
  FakeWorkers(const std::string& coordinator, const Options& options);
  ~FakeWorkers();
  FakeWorkers(const FakeWorkers&) = delete;
  FakeWorkers& operator=(const FakeWorkers&) = delete;

  int64_t calls() const;  // answered so far

 private:
  class Stream;
  std::vector<std::unique_ptr<Stream>> streams_;
};

}  // namespace moa::bench
