#include "coordinator/rpc/worker_list.h"

#include <algorithm>
#include <string>
#include <utility>

namespace moa {
namespace {

bool Grades(const WorkerHello& hello) {
  return hello.models.size() == 1 && hello.models[0] == kGraderModel;
}

const std::string& ProcessOf(const WorkerHello& hello) {
  return hello.process.empty() ? hello.id.value() : hello.process;
}

void WriteCommon(WorkerInfo& info, absl::Time now, v1::Worker* worker) {
  worker->set_worker_id(ProcessOf(info.hello));
  worker->set_name(std::move(info.hello.name));
  worker->set_draining(info.hello.draining);
  worker->set_version(std::move(info.hello.version));
  worker->set_connected_us(
      static_cast<uint64_t>(std::max<int64_t>(absl::ToInt64Microseconds(now - info.connected), 0)));
}

}  // namespace

void WriteWorkers(std::vector<WorkerInfo> workers, absl::Time now,
                  v1::ListWorkersResponse* response) {
  for (WorkerInfo& info : workers) {
    if (Grades(info.hello)) continue;
    v1::Worker* worker = response->add_workers();
    WriteCommon(info, now, worker);
    worker->set_slots(info.hello.slots);
    worker->set_slots_used(info.used);
    worker->set_key_fingerprint(std::move(info.hello.key));
    worker->set_provider(std::move(info.hello.provider));
    for (std::string& model : info.hello.models) worker->add_models(std::move(model));
  }
  for (WorkerInfo& info : workers) {
    if (!Grades(info.hello)) continue;
    auto& listed = *response->mutable_workers();
    const auto known = std::find_if(listed.begin(), listed.end(), [&](const v1::Worker& one) {
      return one.worker_id() == ProcessOf(info.hello);
    });
    v1::Worker* worker = known != listed.end() ? &*known : response->add_workers();
    if (known == listed.end()) WriteCommon(info, now, worker);
    worker->set_grading_slots(info.hello.slots);
    worker->set_grading_slots_used(info.used);
  }
}

}  // namespace moa
