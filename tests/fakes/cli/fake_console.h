// A Console in memory: what was printed, and answers prepared by the test.
#pragma once

#include <map>
#include <string>

#include "cli/console.h"

namespace keypool::cli {

class FakeConsole final : public Console {
 public:
  std::string out, err;
  Screen screen;
  bool can_ask = false;
  std::string typed;  // what AskSecret returns
  bool confirms = false;
  std::map<std::string, std::string> files;  // "-" is standard input
  std::string questions;
  int pauses = 0;

  void Out(std::string_view text) override { out += text; }
  void Err(std::string_view line) override { err += std::string(line) + "\n"; }
  Screen OutScreen() const override { return screen; }
  bool CanAsk() const override { return can_ask; }
  absl::StatusOr<std::string> AskSecret(std::string_view question) override {
    questions += question;
    return typed;
  }
  bool Confirm(std::string_view question) override {
    questions += question;
    return confirms;
  }
  absl::StatusOr<std::string> ReadAll(const std::string& file, std::size_t) override {
    const auto it = files.find(file);
    if (it == files.end()) return absl::NotFoundError("cannot open the file \"" + file + "\"");
    return it->second;
  }
  void Pause(absl::Duration) override { ++pauses; }
};

}  // namespace keypool::cli
