// Stands between a worker and a coordinator and writes down what they say, a line a message as wire_test.cc reads them:
//
//   compat_record HOST:PORT COORDINATOR >recorded.txt
//
// Listens there for workers and passes everything on to the coordinator. To record a release before the protocol changes:
// start its coordinator, this, and its worker with --coordinator HOST:PORT, run and cancel a few jobs, and end this.

#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <mutex>
#include <string>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/string_view.h"
#include "moa/v1/worker.grpc.pb.h"

namespace moa::compat {
namespace {

class Recorder : public v1::WorkerHub::Service {
 public:
  explicit Recorder(const std::string& coordinator)
      : stub_(v1::WorkerHub::NewStub(
            grpc::CreateChannel(coordinator, grpc::InsecureChannelCredentials()))) {}

  grpc::Status Connect(
      grpc::ServerContext* server,
      grpc::ServerReaderWriter<v1::CoordinatorMessage, v1::WorkerMessage>* worker) override {
    const auto client = grpc::ClientContext::FromServerContext(*server);
    const auto coordinator = stub_->Connect(client.get());
    const std::jthread up([&] {
      v1::WorkerMessage message;
      while (worker->Read(&message)) {
        Write("worker", message);
        coordinator->Write(message);
      }
      coordinator->WritesDone();
    });
    v1::CoordinatorMessage message;
    while (coordinator->Read(&message)) {
      Write("coordinator", message);
      worker->Write(message);
    }
    server->TryCancel();  // ends the other thread's reading
    return coordinator->Finish();
  }

 private:
  void Write(const char* from, const google::protobuf::Message& message) {
    const std::lock_guard<std::mutex> lock(mutex_);
    std::printf("%s %s\n", from, absl::BytesToHexString(message.SerializeAsString()).c_str());
    std::fflush(stdout);
  }

  const std::unique_ptr<v1::WorkerHub::Stub> stub_;
  std::mutex mutex_;  // stdout
};

}  // namespace
}  // namespace moa::compat

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: compat_record HOST:PORT COORDINATOR\n", stderr);
    return 2;
  }
  moa::compat::Recorder recorder(argv[2]);
  grpc::ServerBuilder builder;
  builder.AddListeningPort(argv[1], grpc::InsecureServerCredentials());
  builder.RegisterService(&recorder);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  server->Wait();
}
