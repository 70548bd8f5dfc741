# How a room becomes a target. A room links the rooms that it may use and no others; the include lint in tests/lint
# checks the same order on the includes.

# Precompiled headers, by what a file uses. One holder target each, made on first use.
set(KEYPOOL_PCH_core <string> <vector> <functional> <memory> <optional> <variant>
    <absl/status/statusor.h> <absl/time/time.h> <absl/strings/str_cat.h>)
set(KEYPOOL_PCH_grpc ${KEYPOOL_PCH_core} <grpcpp/grpcpp.h>)
set(KEYPOOL_PCH_asio ${KEYPOOL_PCH_core} <boost/asio.hpp> <boost/asio/ssl.hpp>)
set(KEYPOOL_PCH_test ${KEYPOOL_PCH_core} <gtest/gtest.h> <gmock/gmock.h>)
set(KEYPOOL_PCH_test_grpc ${KEYPOOL_PCH_test} <grpcpp/grpcpp.h>)
set(KEYPOOL_PCH_test_asio ${KEYPOOL_PCH_asio})

# For what only tests need: to compile it takes longer than to run it.
set(KEYPOOL_UNOPTIMISED -O0)

function(keypool_use_pch target set)
  if(NOT KEYPOOL_PCH OR set STREQUAL "none")
    return()
  endif()
  set(holder keypool_pch_${set})
  if(NOT TARGET ${holder})
    file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/pch/${set}.cc CONTENT "// Holds the precompiled headers.\n")
    add_library(${holder} OBJECT ${CMAKE_BINARY_DIR}/pch/${set}.cc)
    target_precompile_headers(${holder} PRIVATE ${KEYPOOL_PCH_${set}})
    keypool_link_third_party(${holder} ${set})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${holder})
endfunction()

function(keypool_link_third_party target set)
  target_link_libraries(${target} PUBLIC absl::status absl::statusor absl::strings absl::time absl::flat_hash_map
                                          absl::btree absl::inlined_vector absl::random_random Threads::Threads)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  if(set MATCHES "grpc$")
    target_link_libraries(${target} PUBLIC gRPC::grpc++ protobuf::libprotobuf)
  elseif(set MATCHES "asio$")
    target_compile_definitions(${target} PUBLIC BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
    target_link_libraries(${target} PUBLIC Boost::headers OpenSSL::SSL OpenSSL::Crypto)
    # As libprotobuf asks for it: a precompiled header must be compiled with the same options.
    target_compile_options(${target} PRIVATE -pthread)
  endif()
  if(set MATCHES "^test(_grpc)?$")
    target_link_libraries(${target} PUBLIC GTest::gtest GTest::gmock)
    target_compile_options(${target} PRIVATE -pthread)
  endif()
  if(set MATCHES "^test")
    target_compile_options(${target} PRIVATE ${KEYPOOL_UNOPTIMISED})
  endif()
endfunction()

# keypool_library(name [PCH core|grpc|asio|test|test_grpc|test_asio|none] SOURCES … [DEPS …])
function(keypool_library name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_PCH)
    set(ARG_PCH core)
  endif()
  add_library(${name} STATIC ${ARG_SOURCES})
  keypool_link_third_party(${name} ${ARG_PCH})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS})
  keypool_use_pch(${name} ${ARG_PCH})
endfunction()

# keypool_program(name SOURCES … [DEPS …]): bin/<name>
function(keypool_program name)
  cmake_parse_arguments(ARG "" "PCH" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
endfunction()

# keypool_test(name [PCH …] [LABELS …] SOURCES … [DEPS …]): a GoogleTest program, one ctest entry per program. The target
# tests_<label> builds all programs of a label.
function(keypool_test name)
  cmake_parse_arguments(ARG "" "PCH;TIMEOUT_SECONDS" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_PCH)
    set(ARG_PCH test)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  if(NOT ARG_TIMEOUT_SECONDS)
    set(ARG_TIMEOUT_SECONDS 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  keypool_link_third_party(${name} ${ARG_PCH})
  target_link_libraries(${name} PRIVATE GTest::gtest GTest::gmock GTest::gtest_main ${ARG_DEPS})
  keypool_use_pch(${name} ${ARG_PCH})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  foreach(label ${ARG_LABELS})
    if(NOT TARGET tests_${label})
      add_custom_target(tests_${label})
    endif()
    add_dependencies(tests_${label} ${name})
  endforeach()
  # ThreadSanitizer sleeps for a second at each end of a program unless told otherwise.
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT ${ARG_TIMEOUT_SECONDS}
    ENVIRONMENT "TSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/tsan.supp:halt_on_error=1:ignore_noninstrumented_modules=1:atexit_sleep_ms=20;ASAN_OPTIONS=detect_stack_use_after_return=1;LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/lsan.supp:print_suppressions=0;UBSAN_OPTIONS=print_stacktrace=1")
endfunction()
