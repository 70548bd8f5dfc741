keypool_test(proxy_pure_test
  SOURCES admin_credential_test.cc answer_facts_test.cc answer_filter_test.cc body_model_scan_test.cc chunked_test.cc cors_test.cc
          error_body_test.cc head_oracle.cc headers_test.cc json_stream_test.cc learned_resources_test.cc
          live_mask_test.cc live_watch_test.cc message_class_test.cc pooled_list_test.cc public_address_test.cc redact_test.cc
          request_head_mutation_test.cc request_head_test.cc request_plan_test.cc resource_names_test.cc
          resource_scan_test.cc response_head_test.cc server_timeout_test.cc text_bytes_scan_test.cc upload_urls_test.cc
          usage_scan_test.cc ws_frames_test.cc client_token_test.cc
  DEPS keypool_proxy_pure ZLIB::ZLIB)
