// A thousand keys through every path there is, a crash among them, with logs that say everything:
// none shows where somebody could look.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/programs.h"

namespace keypool::itest {
namespace {

using fake::Fault;
using fake::FaultKind;

constexpr int kKeys = 1000;
constexpr int kAddedLater = 10;

// What every key of TestKeys has in front, and nothing else has; also as it looks encoded.
std::vector<std::string> Needles() {
  const std::string key = TestKey(1);
  const std::string common = key.substr(0, key.size() - 6);
  std::string percent;
  for (const char c : common) absl::StrAppend(&percent, "%", absl::Hex(c, absl::kZeroPad2));
  // Bytes in threes, so that base64 of the whole begins as that of the part does.
  const std::string thirds = common.substr(0, common.size() / 3 * 3);
  return {common, absl::BytesToHexString(common), absl::Base64Escape(thirds), percent,
          absl::AsciiStrToUpper(percent)};
}

std::string Read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Canaries : public testing::Test {
 protected:
  void SetUp() override {
    auto keys = TestKeys(kKeys);
    later_.assign(keys.end() - kAddedLater, keys.end());
    keys.resize(keys.size() - kAddedLater);
    ClusterOptions options{.keys = std::move(keys)};
    options.keyd = {{"LOG_LEVEL", "DEBUG"}};
    options.proxy = {{"LOG_LEVEL", "DEBUG"}, {"MAX_RETRIES", "0"}};
    cluster_ = Cluster::Start(options).value();
    admin_ = cluster_->AdminHeader();
    for (const auto& [key, project] : later_) cluster_->fake().AddKey(key, project);
  }

  void Note(const std::string& where, const std::string& text) { seen_[where] += text; }
  void NoteProcess(const std::string& where, Process& process) {
    Note(where + " out", process.Out());
    Note(where + " err", process.Err());
  }
  void Poolctl(std::vector<std::string> args, std::string input = "") {
    const std::string name = "poolctl " + args.front();
    const Finished finished = cluster_->Poolctl(std::move(args), std::move(input));
    Note(name, finished.out + finished.err);
  }
  void Get(const std::string& target) {
    const Answer answer = Fetch(cluster_->proxy_port(), {.target = target, .headers = {admin_}});
    Note("GET " + target, answer.raw_head + answer.body);
  }
  void AnswerWithEveryKindOfFault();
  void AskEverything();
  void LookAtFilesAndProcesses();
  void ExpectNothing() const;

  std::unique_ptr<Cluster> cluster_;
  fake::Header admin_;
  std::vector<std::pair<std::string, std::string>> later_;
  std::map<std::string, std::string> seen_;
};

// Each key is asked with once, and each answer of Google's that may quote a key is among them.
void Canaries::AnswerWithEveryKindOfFault() {
  constexpr std::array kKinds = {
      FaultKind::k403Suspended, FaultKind::k400Key,      FaultKind::k403Leaked,
      FaultKind::k401,          FaultKind::k429Day,      FaultKind::k403Blocked,
      FaultKind::k403Disabled,  FaultKind::k400Expired,  FaultKind::k403Denied,
      FaultKind::kCutBody,      FaultKind::kCloseUnsent, FaultKind::k500};
  for (int i = 0; i < kKeys; ++i) {
    Fault fault;
    fault.key = TestKey(i + 1);
    fault.kind = kKinds[static_cast<std::size_t>(i) % kKinds.size()];
    if (i % 3 == 0) {
      const std::string body = absl::StrCat("{\"error\":\"", fault.key, "\"}");
      fault.kind = FaultKind::kRaw;
      fault.raw = absl::StrCat("HTTP/1.1 ", i % 2 == 0 ? "200 OK" : "403 Forbidden",
                               "\r\nX-Key: ", fault.key, "\r\nContent-Length: ", body.size(),
                               "\r\n\r\n", body);
    }
    cluster_->fake().AddFault(fault);
  }
  for (int i = 0; i < kKeys; ++i) {
    const Answer answer = Fetch(cluster_->proxy_port(), GenerateContent());
    Note("answers", answer.raw_head + answer.body);
  }
  cluster_->fake().ClearFaults();
}

void Canaries::AskEverything() {
  Poolctl({"add", "--project", "later"}, later_[0].first + "\n");
  Poolctl({"add", "--project", "later"}, later_[0].first + "\n");  // it is there already
  Poolctl({"add"}, later_[1].first + "@project\n");                // and this is no key
  Poolctl({"add"}, later_[1].first + " " + later_[2].first + "\n");
  Poolctl({"add", later_[3].first});
  const std::string json = absl::StrCat("{\"key\":\"", later_[4].first, "\"}");
  for (const std::string& body : {json, json, "{" + json, json + json}) {
    const Answer answer =
        Fetch(cluster_->proxy_port(), {.method = "POST",
                                       .target = "/admin/keys",
                                       .headers = {admin_, {"Content-Type", "application/json"}},
                                       .body = body});
    Note("POST /admin/keys", answer.raw_head + answer.body);
  }
  for (const char* command : {"status", "usage", "events"}) {
    Poolctl({command});
    Poolctl({command, "--json"});
  }
  Poolctl({"usage", "--by", "key", "--csv"});
  Poolctl({"explain", "--model", "gemini-2.5-flash"});
  Poolctl({"limits", "export"});
  Poolctl({"disable", "key_5"});
  Poolctl({"enable", "key_5"});
  Poolctl({"reset", "key_5"});
  Poolctl({"remove", "key_5"});
  for (const char* page : {"/health", "/admin/status", "/admin/status/key_1", "/metrics"}) {
    Get(page);
  }
}

void Canaries::LookAtFilesAndProcesses() {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(cluster_->dir().path())) {
    if (entry.is_regular_file()) Note(entry.path().filename(), Read(entry.path()));
    Note("file names", entry.path().string() + "\n");
  }
  for (Process* process : {&cluster_->keyd(), &cluster_->proxy()}) {
    for (const char* file : {"environ", "cmdline", "comm"}) {
      Note(file, Read(absl::StrCat("/proc/", process->pid(), "/", file)));
    }
  }
}

void Canaries::ExpectNothing() const {
  for (const auto& [where, text] : seen_) {
    for (const std::string& needle : Needles()) {
      const std::size_t at = text.find(needle);
      EXPECT_EQ(at, std::string::npos)
          << where << ": " << text.substr(at > 100 ? at - 100 : 0, 300);
    }
  }
}

TEST_F(Canaries, NoneShowsAnywhere) {
  AnswerWithEveryKindOfFault();
  AskEverything();
  LookAtFilesAndProcesses();
  NoteProcess("keyd", cluster_->keyd());
  cluster_->keyd().Signal(SIGABRT);
  EXPECT_EQ(cluster_->keyd().WaitForExit(), 128 + SIGABRT);
  NoteProcess("keyd that crashed", cluster_->keyd());
  Get("/health");
  const Finished wrong = RunToEnd({.program = Program("keyd"),
                                   .environment = {{"DATA_DIR", cluster_->dir().path()},
                                                   {"GEMINI_API_KEYS", TestKey(1) + " x@y@z,"}}});
  Note("keyd with wrong keys", wrong.out + wrong.err);
  const Finished shown = RunToEnd(
      {.program = Program("keyd"),
       .args = {"--print-config"},
       .environment = {{"DATA_DIR", cluster_->dir().path()}, {"GEMINI_API_KEYS", TestKey(1)}}});
  Note("keyd --print-config", shown.out + shown.err);
  ASSERT_TRUE(cluster_->StartKeyd().ok());
  LookAtFilesAndProcesses();
  NoteProcess("keyd", cluster_->keyd());
  NoteProcess("proxy", cluster_->proxy());
  // What is searched is there.
  EXPECT_GT(seen_["answers"].size(), 100u * kKeys);
  EXPECT_GT(seen_["keyd.db"].size(), 100u * kKeys);
  EXPECT_NE(seen_["proxy err"].find("request_done"), std::string::npos);
  EXPECT_NE(seen_["poolctl add"].find("already"), std::string::npos);
  ExpectNothing();
}

}  // namespace
}  // namespace keypool::itest
