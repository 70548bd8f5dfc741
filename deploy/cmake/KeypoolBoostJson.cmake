# Boost.JSON, compiled once for all that use it: Boost's headers bring its source.
file(GENERATE OUTPUT ${CMAKE_BINARY_DIR}/boost_json.cc CONTENT "#include <boost/json/src.hpp>\n")
keypool_library(keypool_boost_json PCH none SOURCES ${CMAKE_BINARY_DIR}/boost_json.cc)
target_link_libraries(keypool_boost_json PUBLIC Boost::headers)
