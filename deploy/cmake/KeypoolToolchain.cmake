# Language, warnings, sanitizers, compiler cache: what holds for every target.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)

add_compile_options(-Wall -Wextra -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety)
else()
  # GCC 12 reports these inside the standard library and Boost, where there is nothing to mend.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow
                      -Wno-array-bounds -Wno-dangling-pointer)
endif()
if(KEYPOOL_SANITIZE)
  add_compile_options(-fsanitize=${KEYPOOL_SANITIZE} -fno-sanitize-recover=all)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # Clang 14 cannot write what this check puts before the parts of a coroutine.
    add_compile_options(-fno-sanitize=function)
  endif()
  add_link_options(-fsanitize=${KEYPOOL_SANITIZE})
  if(KEYPOOL_SANITIZE STREQUAL "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-Wno-tsan)
  endif()
endif()

# What makes a mistake with memory end the program rather than obey an attacker. tests/security/hardened_test.py looks
# at the programs. A sanitizer does more, and does not get on with it.
# Not by CMAKE_POSITION_INDEPENDENT_CODE, which has libraries built for shared ones: all of them end in a program, and a
# precompiled header serves only what is built as it was.
add_compile_options(-fPIE)
add_link_options(-pie)
if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
  add_compile_options(-fcf-protection=full)
endif()
if(NOT KEYPOOL_SANITIZE AND NOT KEYPOOL_FUZZ)
  add_compile_options(-fstack-protector-strong -fstack-clash-protection)
  add_link_options(LINKER:-z,relro LINKER:-z,now)
  if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
    add_link_options(LINKER:-z,shstk)
  endif()
  # It needs an optimiser: Debug has none.
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_FLAGS "-O2 -Werror -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3")
  check_cxx_source_compiles("#include <cstring>\nint main() { return 0; }" KEYPOOL_FORTIFY_3)
  unset(CMAKE_REQUIRED_FLAGS)
  set(fortify 2)
  if(KEYPOOL_FORTIFY_3)
    set(fortify 3)
  endif()
  add_compile_options("$<$<CONFIG:Release>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=${fortify}>")
endif()

find_program(KEYPOOL_CCACHE ccache)
if(KEYPOOL_CCACHE)
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${KEYPOOL_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
  if(KEYPOOL_PCH AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    add_compile_options(-fpch-preprocess)
  elseif(KEYPOOL_PCH)
    add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  endif()
endif()

find_program(KEYPOOL_LLD ld.lld)
if(KEYPOOL_LLD)
  add_link_options(-fuse-ld=lld)
endif()
