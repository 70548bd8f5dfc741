// Makes WebSocket frames, sound ones and others.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace keypool::proxy {

struct WsOptions {
  int opcode = 1;
  bool fin = true;
  bool rsv1 = false;
  bool masked = false;
};

inline std::string WsBytes(const WsOptions& options, std::string_view payload) {
  const std::string_view mask("\x11\xa2\x33\xc4", 4);
  std::string bytes;
  bytes.push_back(
      static_cast<char>((options.fin ? 0x80 : 0) | (options.rsv1 ? 0x40 : 0) | options.opcode));
  const int flag = options.masked ? 0x80 : 0;
  const std::uint64_t size = payload.size();
  const int more = size < 126 ? 0 : size < 65'536 ? 2 : 8;
  bytes.push_back(static_cast<char>(flag | (more == 0   ? static_cast<int>(size)
                                            : more == 2 ? 126
                                                        : 127)));
  for (int i = more - 1; i >= 0; --i) bytes.push_back(static_cast<char>(size >> (8 * i)));
  if (!options.masked) return bytes.append(payload);
  bytes.append(mask);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    bytes.push_back(static_cast<char>(payload[i] ^ mask[i % mask.size()]));
  }
  return bytes;
}

}  // namespace keypool::proxy
