#include "common/document/file.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "common/base/status_matchers.h"

namespace moa {
namespace {

using testing::HasSubstr;

TEST(ReadFileTest, ReturnsTheBytesAsTheyAre) {
  const std::string path = testing::TempDir() + "/moa_read_file";
  const std::string bytes("a\0b\xFF\r\n", 6);
  std::ofstream(path, std::ios::binary) << bytes;
  ASSERT_OK_AND_ASSIGN(const std::string read, ReadFile(path, 6));
  EXPECT_EQ(read, bytes);
  EXPECT_THAT(ReadFile(path, 5), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr(path)));
}

TEST(ReadFileTest, NamesAFileThatCannotBeRead) {
  EXPECT_THAT(ReadFile("/nonexistent/x", 10),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/x")));
  EXPECT_THAT(ReadFile(testing::TempDir(), 10), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace moa
