#pragma once

#include <string>

namespace moa {

// A file that is part of the program (cmake/embed_files.cmake).
struct EmbeddedFile {
  std::string name;  // "moa.yaml"
  std::string text;
};

}  // namespace moa
