# Language level, warnings, sanitizers and the linker: the same for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

option(MOA_TESTS "Build the tests" ON)
option(MOA_GRPC "Build everything that needs gRPC (off for ThreadSanitizer)" ON)
option(MOA_CONSOLE_REQUIRED "Fail where the gateway's web console cannot be bundled" OFF)
option(MOA_UNITY "Unity builds for our own libraries" OFF)
set(MOA_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")

find_program(MOLD mold)
if(MOLD)
  add_link_options(-fuse-ld=mold)
endif()

# Optimised builds keep frame pointers and debug lines, so that profiles and crash reports read.
# Assertions (MOA_CHECK) do not depend on NDEBUG; it only quiets the standard library's asserts.
set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O2 -g1 -DNDEBUG -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

if(MOA_SANITIZE)
  add_compile_options(-fsanitize=${MOA_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${MOA_SANITIZE})
endif()

add_library(moa_warnings INTERFACE)
target_compile_options(moa_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  target_compile_options(moa_warnings INTERFACE -Wthread-safety)
else()
  # g++ 12 reports these inside the standard library's own inlined code at -O2 and with sanitizers.
  # Also: designated initialisers leave fields out on purpose, and only g++ warns about that.
  target_compile_options(moa_warnings INTERFACE -Wno-missing-field-initializers
    -Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds)
endif()
