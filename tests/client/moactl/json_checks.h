#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/document/document.h"

namespace moa {

// What moactl printed, read back; a failure of the test when it is no JSON.
inline Document Parsed(const std::string& json) {
  Problems problems;
  const auto document = ReadJson(json, "out.json", problems);
  EXPECT_TRUE(document.has_value()) << problems.ToString() << "\n" << json;
  return *document;
}

inline std::vector<std::string> KeysOf(const Node& node) {
  std::vector<std::string> keys;
  for (const Node& child : node.children) keys.push_back(child.key);
  return keys;
}

}  // namespace moa
