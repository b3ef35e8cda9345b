#include "simulator/request_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>

namespace moa::simulator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

RequestRecord Record(const std::string& model, const std::string& body = "{}") {
  RequestRecord record;
  record.model = model;
  record.body = body;
  return record;
}

TEST(RequestLogTest, TellsHowEachRequestEnded) {
  RequestLog log(10);
  const uint64_t first = log.Begin(Record("gpt-oss-120b", R"({"x":1})"));
  const uint64_t second = log.Begin(Record("qwen-3.8-27b"));
  EXPECT_THAT(log.StatsJson(), HasSubstr(R"("running":2,"running_max":2)"));
  log.End(second, 0, "client_closed");
  EXPECT_THAT(log.RequestsJson({}), HasSubstr(R"("outcome":"running")"));
  EXPECT_THAT(log.RequestsJson({}), HasSubstr(R"("request":{"x":1})"));
  log.End(first, 200, "completed");
  EXPECT_THAT(log.RequestsJson({}), Not(HasSubstr("running")));
  EXPECT_THAT(log.StatsJson(), HasSubstr(R"("by_outcome":{"client_closed":1,"completed":1})"));
  EXPECT_THAT(log.StatsJson(), HasSubstr(R"("running":0,"running_max":2)"));
}

TEST(RequestLogTest, KeepsTheNewestAndAcceptsLateEnds) {
  RequestLog log(2);
  for (int i = 0; i < 5; ++i) log.Begin(Record("gpt-oss-120b"));
  log.End(1, 200, "completed");  // no longer kept
  const std::string json = log.RequestsJson({});
  EXPECT_THAT(json, Not(HasSubstr(R"("sequence":3)")));
  EXPECT_THAT(json, HasSubstr(R"("sequence":4)"));
  EXPECT_THAT(json, HasSubstr(R"("sequence":5)"));
  EXPECT_THAT(log.StatsJson(), HasSubstr(R"("requests_total":5,"running":4)"));
}

TEST(RequestLogTest, FiltersByModelNumberAndCount) {
  RequestLog log(10);
  for (const char* model : {"gpt-oss-120b", "qwen-3.8-27b", "gpt-oss-120b", "gpt-oss-120b"}) {
    log.Begin(Record(model));
  }
  RequestLog::Filter filter;
  filter.model = "gpt-oss-120b";
  filter.after = 1;
  filter.limit = 1;
  filter.bodies = false;
  const std::string json = log.RequestsJson(filter);
  EXPECT_THAT(json, HasSubstr(R"("sequence":4)"));
  EXPECT_THAT(json, Not(HasSubstr(R"("sequence":3)")));
  EXPECT_THAT(json, Not(HasSubstr("\"request\"")));
}

// What a killed simulator had seen must be there for its successor and for an audit of both.
TEST(RequestLogTest, JournalKeepsRequestsOfSeveralProcesses) {
  std::string path = testing::TempDir() + "/journal-XXXXXX";
  const int fd = mkstemp(path.data());
  ASSERT_GE(fd, 0);
  for (int life = 0; life < 2; ++life) {
    auto journal = Journal::Open(path);
    ASSERT_TRUE(journal.ok()) << journal.status();
    RequestLog log(0, journal->get());
    RequestRecord record = Record("gpt-oss-120b");
    record.mark = "m1";
    record.digest = "00f3c1d2a4b59687";
    record.saw = {"a", "b"};
    record.answer = AnswerHash("text");
    log.Begin(record);
    if (life == 1) log.End(1, 200, "completed");  // the first life's request was cut off
  }
  std::string text(4096, '\0');
  text.resize(static_cast<size_t>(std::max<ssize_t>(read(fd, text.data(), text.size()), 0)));
  close(fd);
  unlink(path.c_str());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3);
  EXPECT_THAT(text,
              HasSubstr(R"("mark":"m1","digest":"00f3c1d2a4b59687","saw":["a","b"],"answer":")" +
                        AnswerHash("text")));
  EXPECT_THAT(text, HasSubstr(R"("status":200,"outcome":"completed"})"));
}

TEST(RequestLogTest, JournalThatCannotBeWrittenIsSaid) {
  const auto journal = Journal::Open("/nowhere/journal");
  ASSERT_FALSE(journal.ok());
  EXPECT_THAT(std::string(journal.status().message()), HasSubstr("/nowhere/journal"));
}

TEST(RequestLogTest, BoundsItsBytes) {
  RequestLog log(1'000);
  const std::string body = "\"" + std::string(8 << 20, 'x') + "\"";
  for (int i = 0; i < 20; ++i) log.Begin(Record("gpt-oss-120b", body));
  EXPECT_LT(log.RequestsJson({}).size(), size_t{70} << 20);
}

TEST(RequestLogTest, MadeUpModelsShareOneCount) {
  RequestLog log(0);
  log.Begin(Record("a"));
  log.Begin(Record("b"));
  EXPECT_THAT(log.StatsJson(), HasSubstr(R"("by_model":{"unknown":2})"));
  EXPECT_EQ(log.RequestsJson({}), R"({"requests":[]})");
}

TEST(RequestLogTest, ClearKeepsCountingWhatRuns) {
  RequestLog log(10);
  const uint64_t running = log.Begin(Record("gpt-oss-120b"));
  log.Clear();
  log.Begin(Record("gpt-oss-120b"));
  log.End(running, 200, "completed");
  EXPECT_THAT(log.StatsJson(), HasSubstr(R"("requests_total":1,"running":1,"running_max":2)"));
}

}  // namespace
}  // namespace moa::simulator
