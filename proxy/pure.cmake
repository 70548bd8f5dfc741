# The proxy's pure part: heads, bodies and plans as functions of bytes. No I/O, no clock.
find_package(ZLIB REQUIRED)
keypool_library(keypool_proxy_pure
  SOURCES answer_facts.cc body_model_scan.cc chunked.cc error_body.cc field_names.cc headers.cc
          head_fields.cc inflate.cc json_reader.cc json_stream.cc message_class.cc pooled_list.cc request_head.cc
          request_plan.cc response_head.cc target.cc text_bytes_scan.cc usage_scan.cc
  DEPS keypool_base)
target_link_libraries(keypool_proxy_pure PRIVATE ZLIB::ZLIB)
