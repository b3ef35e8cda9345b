// Today's messages are those of the previous release and more: what it reads and writes keeps its number and type.

#include "tests/compat/schema.h"

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "moa/v1/job.pb.h"
#include "moa/v1/moa.pb.h"
#include "moa/v1/rpc_status.pb.h"
#include "moa/v1/worker.pb.h"

namespace moa::compat {
namespace {

using google::protobuf::DescriptorPool;
using google::protobuf::DescriptorProto;
using google::protobuf::FileDescriptor;
using google::protobuf::FileDescriptorProto;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const FileDescriptor& Today(const std::string& name) {
  // Named so that they are linked in.
  for (const FileDescriptor* file :
       {v1::JobSpec::descriptor()->file(), v1::SubmitJobRequest::descriptor()->file(),
        v1::RpcStatus::descriptor()->file(), v1::WorkerMessage::descriptor()->file()}) {
    if (file->name() == "moa/v1/" + name + ".proto") return *file;
  }
  throw std::runtime_error("no file " + name);
}

class SchemaTest : public testing::Test {
 protected:
  OldSchema old_;
};

TEST_F(SchemaTest, EverythingOfThePreviousReleaseIsStillThere) {
  for (const char* name : {"job", "moa", "rpc_status", "worker"}) {
    EXPECT_THAT(Differences(old_.File(name), Today(name)), IsEmpty()) << name;
  }
}

// The comparison itself: it finds what was planted.
class PlantedTest : public SchemaTest {
 protected:
  // Today's worker.proto, changed, against the previous release's.
  std::vector<std::string> Changed(const std::function<void(FileDescriptorProto&)>& change) {
    FileDescriptorProto file;
    Today("worker").CopyTo(&file);
    change(file);
    DescriptorPool pool(DescriptorPool::generated_pool());
    const FileDescriptor* built = pool.BuildFile(file);
    if (built == nullptr) throw std::runtime_error("no such file is possible");
    return Differences(old_.File("worker"), *built);
  }
  static DescriptorProto& Message(FileDescriptorProto& file, const std::string& name) {
    for (DescriptorProto& message : *file.mutable_message_type()) {
      if (message.name() == name) return message;
    }
    throw std::runtime_error("no message " + name);
  }
};

TEST_F(PlantedTest, ARenumberedField) {
  EXPECT_THAT(Changed([](FileDescriptorProto& file) {
                Message(file, "Hello").mutable_field(3)->set_number(40);
              }),
              ElementsAre("moa.v1.Hello.slots is no longer number 4"));
}

TEST_F(PlantedTest, ARemovedField) {
  EXPECT_THAT(Changed([](FileDescriptorProto& file) {
                Message(file, "Welcome").mutable_field()->DeleteSubrange(2, 1);
              }),
              ElementsAre("moa.v1.Welcome.keep is no longer number 3"));
}

TEST_F(PlantedTest, AnotherType) {
  EXPECT_THAT(Changed([](FileDescriptorProto& file) {
                Message(file, "Hello")
                    .mutable_field(3)
                    ->set_type(google::protobuf::FieldDescriptorProto::TYPE_SINT32);
              }),
              ElementsAre("moa.v1.Hello.slots was uint32 and is sint32"));
}

TEST_F(PlantedTest, AFieldThatLeftItsOneof) {
  EXPECT_THAT(Changed([](FileDescriptorProto& file) {
                Message(file, "WorkerMessage").mutable_field(0)->clear_oneof_index();
              }),
              Contains(HasSubstr("moa.v1.WorkerMessage.hello was message")));
}

TEST_F(PlantedTest, ARemovedMethod) {
  EXPECT_THAT(Changed([](FileDescriptorProto& file) { file.mutable_service(0)->clear_method(); }),
              ElementsAre("moa.v1.WorkerHub.Connect is gone"));
}

}  // namespace
}  // namespace moa::compat
