// Heads as the clients of Gemini send them, and as Google answers.
#pragma once

#include <string_view>
#include <vector>

namespace keypool::proxy::samples {

// @google/genai on Node, 11 fields.
inline constexpr std::string_view kSdkHead =
    "POST /v1beta/models/gemini-2.5-flash:generateContent HTTP/1.1\r\n"
    "Host: 127.0.0.1:8000\r\n"
    "connection: keep-alive\r\n"
    "x-goog-api-key: not-a-real-key-0123456789-0123456789\r\n"
    "user-agent: google-genai-sdk/1.34.0 gl-node/v20.11.0\r\n"
    "x-goog-api-client: google-genai-sdk/1.34.0 gl-node/v20.11.0\r\n"
    "content-type: application/json\r\n"
    "accept: */*\r\n"
    "accept-language: *\r\n"
    "sec-fetch-mode: cors\r\n"
    "accept-encoding: gzip, deflate\r\n"
    "content-length: 75\r\n"
    "\r\n";

inline constexpr std::string_view kGoogleHead =
    "HTTP/1.1 200 OK\r\n"
    "Content-Type: application/json; charset=UTF-8\r\n"
    "Vary: Origin\r\n"
    "Vary: X-Origin\r\n"
    "Vary: Referer\r\n"
    "Content-Encoding: gzip\r\n"
    "Date: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
    "Server: scaffolding on HTTPServer2\r\n"
    "X-XSS-Protection: 0\r\n"
    "X-Frame-Options: SAMEORIGIN\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Server-Timing: gfet4t7; dur=412\r\n"
    "Alt-Svc: h3=\":443\"; ma=2592000,h3-29=\":443\"; ma=2592000\r\n"
    "Transfer-Encoding: chunked\r\n"
    "\r\n";

// Every one is a whole head that is accepted.
inline std::vector<std::string_view> GoodRequestHeads() {
  return {
      kSdkHead,
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /v1beta/models?key=K&pageSize=2 HTTP/1.1\r\nHost: [::1]:8000\r\nAccept: */*\r\n\r\n",
      "POST /v1beta/openai/chat/completions HTTP/1.1\r\nhost: localhost:8000\r\n"
      "Authorization: Bearer K\r\nTransfer-Encoding: chunked\r\n\r\n",
      "POST /upload/v1beta/files HTTP/1.1\r\nHost: proxy.example\r\nX-Goog-Upload-Protocol: "
      "resumable\r\nX-Goog-Upload-Command: start\r\nExpect: 100-continue\r\nContent-Length: 35\r\n"
      "Connection: close\r\n\r\n",
      "OPTIONS * HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
      "HEAD /v1/models HTTP/1.0\r\nHost: a.b-c.d\r\nConnection: Keep-Alive, TE\r\nTE: trailers\r\n"
      "\r\n",
      "DELETE /v1beta/files/x HTTP/1.1\r\nHost: a:80\r\nX-Empty:\r\nX-Tab: a\tb\r\nx_y: \xc3\xa9 "
      "\r\n\r\n",
      "PUT /x HTTP/1.1\r\nHost:a\r\nTransfer-Encoding:\tChunked \r\nUpgrade: websocket\r\n\r\n",
      "PATCH /%7e?a=1&&b HTTP/1.0\r\nA:1\r\nHOST: 10.0.0.1:8000\r\nCONTENT-LENGTH: "
      "9223372036854775807\r\n\r\n",
  };
}

}  // namespace keypool::proxy::samples
