# One library a folder, one binary a program, one test executable a folder.

# moa_library(NAME SOURCES … [DEPS …] [PUBLIC_DEPS …]): the library of the current folder.
# Headers are included by their path from the repository's root.
function(moa_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PUBLIC_DEPS" ${ARGN})
  add_library(${NAME} STATIC ${ARG_SOURCES})
  target_include_directories(${NAME} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
  target_link_libraries(${NAME} PRIVATE moa_warnings ${ARG_DEPS} PUBLIC ${ARG_PUBLIC_DEPS})
  if(MOA_UNITY)
    set_target_properties(${NAME} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 6)
  endif()
endfunction()

# moa_binary(NAME SOURCES … DEPS …): a program, in <build>/bin.
function(moa_binary NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${NAME} PRIVATE moa_warnings ${ARG_DEPS})
endfunction()

# moa_test(NAME LABEL unit|scenario|sim|adapter|cluster|web SOURCES … DEPS … [TIMEOUT s]): a GoogleTest
# executable in <build>/tests; each test case is a ctest test with that label. TIMEOUT is a case's limit.
function(moa_test NAME)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${NAME} PRIVATE moa_warnings ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  # What is tested is optimised, the tests themselves need not be: half the time to compile.
  target_compile_options(${NAME} PRIVATE -O0)
  target_compile_definitions(${NAME} PRIVATE MOA_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    MOA_BIN_DIR="${CMAKE_RUNTIME_OUTPUT_DIRECTORY}")
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  gtest_discover_tests(${NAME} DISCOVERY_TIMEOUT 60
    PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()
