# The proxy's pure part: heads, bodies and plans as functions of bytes. No I/O, no clock.
find_package(ZLIB REQUIRED)
keypool_library(keypool_proxy_pure
  SOURCES admin_credential.cc answer_facts.cc answer_filter.cc body_model_scan.cc chunked.cc cors.cc error_body.cc field_names.cc
          headers.cc head_fields.cc inflate.cc json_reader.cc json_stream.cc learned_resources.cc live_mask.cc
          live_scan.cc live_watch.cc
          message_class.cc pooled_list.cc public_address.cc redact.cc request_head.cc request_plan.cc resource_names.cc
          resource_scan.cc response_head.cc server_timeout.cc target.cc text_bytes_scan.cc upload_urls.cc usage_scan.cc
          ws_frames.cc
  DEPS keypool_base)
target_link_libraries(keypool_proxy_pure PRIVATE ZLIB::ZLIB)
