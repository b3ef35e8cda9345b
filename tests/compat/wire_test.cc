// Messages of the worker protocol between this release and the previous one, as bytes.
//
// tests/compat/v1/recorded.txt holds what a worker and a coordinator of that release said to each other, recorded
// between them: a line is "worker" or "coordinator" and the message in hexadecimal.

#include <gmock/gmock.h>
#include <google/protobuf/message.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "moa/v1/worker.pb.h"
#include "tests/compat/schema.h"

namespace moa::compat {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;
using testing::IsSupersetOf;

// The name of the message's kind; "" when none is set.
std::string KindOf(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  const FieldDescriptor* field =
      reflection.GetOneofFieldDescriptor(message, message.GetDescriptor()->FindOneofByName("kind"));
  return field == nullptr ? "" : std::string(field->name());
}

// True when some part of the message is not known to its type.
bool HasUnknown(const Message& message) {
  const Reflection& reflection = *message.GetReflection();
  if (reflection.GetUnknownFields(message).field_count() > 0) return true;
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      if (HasUnknown(reflection.GetMessage(message, field))) return true;
      continue;
    }
    for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
      if (HasUnknown(reflection.GetRepeatedMessage(message, field, i))) return true;
    }
  }
  return false;
}

struct Recorded {
  std::string from;
  std::string bytes;
};

std::vector<Recorded> ReadRecorded() {
  std::vector<Recorded> all;
  std::ifstream file(MOA_SOURCE_DIR "/tests/compat/v1/recorded.txt");
  std::string from, hex;
  while (file >> from >> hex) all.push_back({from, absl::HexStringToBytes(hex)});
  return all;
}

class WireTest : public testing::Test {
 protected:
  // Today's message as the previous release reads it.
  std::unique_ptr<Message> AsOld(const Message& message) {
    std::unique_ptr<Message> old =
        old_.Parse(message.GetDescriptor()->name(), message.SerializeAsString());
    EXPECT_NE(old, nullptr);
    // Whatever it does with it, nothing is lost when it hands it on.
    EXPECT_EQ(old->SerializeAsString(), message.SerializeAsString());
    return old;
  }

  OldSchema old_;
};

TEST_F(WireTest, WhatThePreviousReleaseWroteReadsAsItMeant) {
  std::set<std::string> kinds;
  for (const Recorded& recorded : ReadRecorded()) {
    v1::WorkerMessage worker;
    v1::CoordinatorMessage coordinator;
    Message& today = recorded.from == "worker" ? static_cast<Message&>(worker) : coordinator;
    ASSERT_TRUE(today.ParseFromString(recorded.bytes));
    EXPECT_FALSE(HasUnknown(today)) << today.ShortDebugString();
    EXPECT_NE(KindOf(today), "");
    const std::unique_ptr<Message> old = old_.Parse(today.GetDescriptor()->name(), recorded.bytes);
    ASSERT_NE(old, nullptr);
    EXPECT_EQ(today.DebugString(), old->DebugString());
    kinds.insert(recorded.from + " " + KindOf(today));
    for (const v1::CoordinatorMessage& one : coordinator.batch().messages()) {
      kinds.insert("coordinator " + KindOf(one));
    }
  }
  EXPECT_THAT(
      kinds, IsSupersetOf({"worker hello", "worker status", "worker finished", "worker delta",
                           "worker heartbeat", "coordinator welcome", "coordinator run_task",
                           "coordinator durable", "coordinator stream_deltas", "coordinator cancel",
                           "coordinator heartbeat", "coordinator put_context"}));
}

TEST_F(WireTest, KindsThatAreNewAreNoKindToThePreviousRelease) {
  v1::WorkerMessage offer;
  offer.mutable_offer()->add_held()->mutable_ref()->set_job_id("j");
  v1::CoordinatorMessage claim;
  claim.mutable_claim()->add_refs()->set_job_id("j");
  v1::CoordinatorMessage confirmed;
  confirmed.mutable_slots_confirmed()->set_slots(3);
  v1::CoordinatorMessage demand;
  demand.mutable_demand()->set_waiting(3);
  for (const Message* message :
       std::initializer_list<const Message*>{&offer, &claim, &confirmed, &demand}) {
    EXPECT_EQ(KindOf(*AsOld(*message)), "") << message->ShortDebugString();
  }
}

TEST_F(WireTest, InABatchTheKnownKindsAreReadBesideTheNewOnes) {
  v1::CoordinatorMessage message;
  auto* messages = message.mutable_batch()->mutable_messages();
  messages->Add()->mutable_slots_confirmed()->set_slots(3);
  messages->Add()->mutable_run_task()->set_model("m");
  const std::unique_ptr<Message> old = AsOld(message);
  EXPECT_EQ(KindOf(*old), "batch");
  EXPECT_THAT(old->ShortDebugString(), testing::HasSubstr("run_task { model: \"m\" }"));
}

// What a new coordinator leaves undecided an old worker is told to drop: it knows of no third way.
TEST_F(WireTest, OfAWelcomeThePreviousReleaseReadsWhatToKeep) {
  v1::CoordinatorMessage message;
  v1::Welcome& welcome = *message.mutable_welcome();
  welcome.set_coordinator_id("c");
  welcome.set_silence_limit_us(9);
  welcome.add_keep()->set_job_id("kept");
  welcome.add_undecided()->set_job_id("other");
  const std::unique_ptr<Message> old = AsOld(message);
  EXPECT_EQ(KindOf(*old), "welcome");
  EXPECT_TRUE(HasUnknown(*old));
  EXPECT_THAT(old->ShortDebugString(), testing::HasSubstr("keep { job_id: \"kept\" }"));
}

}  // namespace
}  // namespace moa::compat
