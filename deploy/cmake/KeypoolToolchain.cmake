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
  add_link_options(-fsanitize=${KEYPOOL_SANITIZE})
  if(KEYPOOL_SANITIZE STREQUAL "thread")
    add_compile_options(-Wno-tsan)
  endif()
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
