#include "coordinator/rpc/metrics_query.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace moa {
namespace {

constexpr std::chrono::seconds kPatience(2);

// One query of all. Owners: the callbacks of its calls.
struct Query {
  struct Call {
    grpc::ClientContext context;
    v1::GetMetricsResponse answer;
  };
  v1::GetMetricsRequest request;
  std::vector<Call> calls;
  std::atomic<size_t> left;
};

void TakeAnswer(const std::string& address, const grpc::Status& status,
                v1::GetMetricsResponse& answer, v1::CoordinatorMetrics* out) {
  if (status.ok() && answer.coordinators_size() > 0) {
    out->Swap(answer.mutable_coordinators(0));
  } else {
    out->set_error(absl::StrCat("no answer: ", status.error_message()));
  }
  out->set_address(address);
}

}  // namespace

void QueryMetrics(v1::CoordinatorMetrics own, Peers& peers, const std::vector<std::string>& others,
                  const v1::GetMetricsRequest& request, v1::GetMetricsResponse* response,
                  grpc::ServerUnaryReactor* reactor) {
  *response->add_coordinators() = std::move(own);
  if (others.empty()) return reactor->Finish(grpc::Status::OK);
  auto query = std::make_shared<Query>();
  query->request = request;
  query->calls = std::vector<Query::Call>(others.size());
  query->left = others.size();
  // Each fills a place of its own.
  for (size_t i = 0; i < others.size(); ++i) response->add_coordinators();
  for (size_t i = 0; i < others.size(); ++i) {
    Query::Call& call = query->calls[i];
    Peers::Mark(&call.context);
    call.context.set_deadline(std::chrono::system_clock::now() + kPatience);
    peers.At(others[i]).async()->GetMetrics(
        &call.context, &query->request, &call.answer,
        [query, &call, out = response->mutable_coordinators(static_cast<int>(i) + 1),
         address = others[i], reactor](const grpc::Status& status) {
          TakeAnswer(address, status, call.answer, out);
          if (--query->left == 0) reactor->Finish(grpc::Status::OK);
        });
  }
}

}  // namespace moa
