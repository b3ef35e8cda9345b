# cmake -D NODE=… -D NPM=… -D SOURCE=client/console -D MODULES=DIR -D OUT=FILE.cc [-D REQUIRED=ON] -P embed.cmake
# Fetches the page's packages into MODULES, once for each lockfile, bundles the page and writes OUT. Where node or npm is
# missing, or the packages cannot be fetched, OUT holds no page and the build goes on; the next build tries again. With
# REQUIRED the build fails instead.
set(reason "")
if(NOT NODE OR NOT NPM)
  set(reason "node or npm not found")
else()
  file(SHA256 ${SOURCE}/package-lock.json wanted)
  set(mark ${MODULES}/node_modules/.lockfile-sha256)
  set(installed "")
  if(EXISTS ${mark})
    file(READ ${mark} installed)
  endif()
  if(NOT installed STREQUAL wanted)
    file(COPY ${SOURCE}/package.json ${SOURCE}/package-lock.json ${SOURCE}/.npmrc DESTINATION ${MODULES})
    execute_process(COMMAND ${NPM} ci WORKING_DIRECTORY ${MODULES} RESULT_VARIABLE result OUTPUT_VARIABLE output
      ERROR_VARIABLE output)
    if(result EQUAL 0)
      file(WRITE ${mark} ${wanted})
    else()
      set(reason "npm ci failed: ${output}")
    endif()
  endif()
endif()
if(NOT reason)
  execute_process(COMMAND ${NODE} ${SOURCE}/build.mjs --modules ${MODULES} --out ${OUT} RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    file(REMOVE ${OUT})
    message(FATAL_ERROR "the web console could not be bundled")
  endif()
  return()
endif()
if(REQUIRED)
  message(FATAL_ERROR "moa-gateway cannot have its web console: ${reason}")
endif()
message(WARNING "moa-gateway is built without its web console: ${reason}")
file(WRITE ${OUT} "#include \"client/gateway/console_files.h\"\n
namespace moa::gateway {
absl::Span<const ConsoleFile> EmbeddedConsole() { return {}; }
}  // namespace moa::gateway
")
if(NODE AND NPM)
  # Older than its sources, so that it is made again.
  execute_process(COMMAND touch -d 2000-01-01 ${OUT})
endif()
