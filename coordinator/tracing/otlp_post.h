#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace moa {

// Posts to one OTLP/HTTP collector over one kept connection. Owner: a thread, which alone uses it.
class OtlpPost {
 public:
  // `endpoint` is the collector's address, http://HOST:4318 or https://…, to which /v1/traces is added, as with
  // OTEL_EXPORTER_OTLP_ENDPOINT. `headers` are "Name=value" each. InvalidArgument says what is wrong.
  static absl::StatusOr<std::unique_ptr<OtlpPost>> Create(const std::string& endpoint,
                                                          const std::vector<std::string>& headers);
  ~OtlpPost();
  OtlpPost(const OtlpPost&) = delete;
  OtlpPost& operator=(const OtlpPost&) = delete;

  struct Outcome {
    absl::Status status;  // Unavailable: the same may be taken later; InvalidArgument: never
    std::optional<absl::Duration> retry_after = {};  // as the collector asks
  };
  // Blocks until there is an answer, 10 s at most, or until `stop` is true, which is asked a few times a second.
  Outcome Send(const std::string& json, const std::function<bool()>& stop);

 private:
  struct State;
  explicit OtlpPost(std::unique_ptr<State> state);
  const std::unique_ptr<State> state_;
};

}  // namespace moa
