// Clients with a token: found wherever a client puts its key, judged by keyd at every request, and
// never told to Google.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/integration/harness/cluster.h"
#include "tests/integration/harness/live_client.h"
#include "tests/integration/harness/proc.h"

namespace keypool::itest {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kGenerate = "/v1beta/models/gemini-2.5-flash:generateContent";
constexpr const char* kSse = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse";
constexpr const char* kChat = "/v1beta/openai/chat/completions";
constexpr const char* kChatBody =
    R"({"model":"gemini-2.5-flash","messages":[{"role":"user","content":"hi"}]})";

class Clients : public testing::Test {
 protected:
  void Start(ClusterOptions options = {}) {
    options.keys = TestKeys(2);
    // Nobody waits for quota here, unless a test says so.
    options.proxy.try_emplace("MAX_WAIT_SECONDS", "0");
    cluster_ = Cluster::Start(std::move(options)).value();
  }
  std::string AddClient(const std::string& name, std::vector<std::string> terms = {}) {
    std::vector<std::string> args = {"client", "add", name};
    args.insert(args.end(), terms.begin(), terms.end());
    const Finished added = cluster_->Poolctl(args);
    EXPECT_EQ(added.exit_code, 0) << added.err;
    return std::string(absl::StripAsciiWhitespace(added.out));
  }
  static HttpRequest As(const std::string& token, HttpRequest request = GenerateContent()) {
    request.headers.push_back({"x-goog-api-key", token});
    return request;
  }
  int StatusAs(const std::string& token, int proxy = 0) {
    return Fetch(cluster_->proxy_port(proxy), As(token)).status;
  }
  Answer Ask(const HttpRequest& request) { return Fetch(cluster_->proxy_port(), request); }

  std::unique_ptr<Cluster> cluster_;
};

TEST_F(Clients, WithoutAnyEverybodyIsServed) {
  Start();
  EXPECT_EQ(Ask(GenerateContent()).status, 200);
  EXPECT_EQ(StatusAs("whatever"), 200);
  EXPECT_THAT(cluster_->Poolctl({"client", "list"}).out, HasSubstr("no client yet"));
}

TEST_F(Clients, TokenIsTakenWhereverAKeyStandsAndNeverGoesOn) {
  Start();
  const std::string token = AddClient("team-a");
  ASSERT_THAT(token, StartsWith("gkp_"));
  const std::string encoded = absl::StrCat("%67%6Bp_", token.substr(4));
  for (const std::string& target :
       {absl::StrCat(kGenerate, "?key=", token), absl::StrCat(kGenerate, "?%6bey=", token),
        absl::StrCat(kGenerate, "?x=1&key=", encoded), absl::StrCat(kGenerate, "?$key=", token)}) {
    EXPECT_EQ(Ask({.method = "POST", .target = target, .body = "{}"}).status, 200) << target;
  }
  EXPECT_EQ(StatusAs(token), 200);
  const std::string bearer = absl::StrCat("Bearer ", token);
  EXPECT_EQ(Ask({.method = "POST",
                 .target = kChat,
                 .headers = {{"Authorization", bearer}, {"Content-Type", "application/json"}},
                 .body = kChatBody})
                .status,
            200);
  // As gemini-cli sends both.
  EXPECT_EQ(Ask({.method = "POST",
                 .target = kGenerate,
                 .headers = {{"Authorization", bearer}, {"x-goog-api-key", ""}},
                 .body = "{}"})
                .status,
            200);
  EXPECT_EQ(Ask(As(token, {.target = "/v1beta/models"})).status, 200) << "costs nothing, needs one";
  for (const fake::SeenRequest& seen : cluster_->fake().Requests()) {
    EXPECT_THAT(seen.head.target, Not(HasSubstr("p_")));
    EXPECT_THAT(seen.key, StartsWith("AIza"));
    for (const fake::Header& header : seen.head.headers) {
      EXPECT_THAT(header.value, Not(HasSubstr("gkp_"))) << header.name;
    }
  }
  EXPECT_THAT(cluster_->proxy().Out() + cluster_->proxy().Err(), Not(HasSubstr(token)));
  EXPECT_THAT(cluster_->keyd().Out() + cluster_->keyd().Err(), Not(HasSubstr(token)));
}

TEST_F(Clients, NobodyElseIsServedAndToldSoInTheShapeOfItsApi) {
  Start();
  const std::string token = AddClient("team-a");
  const std::string wrong = token.substr(0, token.size() - 1) + (token.back() == 'A' ? 'B' : 'A');
  const Answer native = Ask(GenerateContent());
  EXPECT_EQ(native.status, 401);
  EXPECT_THAT(native.body, AllOf(HasSubstr("\"code\": 401"), HasSubstr("UNAUTHENTICATED"),
                                 HasSubstr("Request had invalid authentication credentials.")));
  for (const std::string& other : {wrong, std::string("AIza-a-real-key"), std::string("gkp_x")}) {
    EXPECT_EQ(Ask(As(other)).body, native.body) << other;
  }
  const Answer sse = Ask({.method = "POST", .target = kSse, .body = "{}"});
  EXPECT_EQ(sse.status, 401);
  EXPECT_EQ(sse.Header("content-type"), "text/event-stream");
  const Answer chat = Ask({.method = "POST",
                           .target = kChat,
                           .headers = {{"Content-Type", "application/json"}},
                           .body = kChatBody});
  EXPECT_EQ(chat.status, 401);
  EXPECT_THAT(chat.body, StartsWith("[{"));
  const Answer interactions = Ask({.method = "POST",
                                   .target = "/v1beta/interactions",
                                   .body = R"({"model":"gemini-2.5-flash","input":"hi"})"});
  EXPECT_THAT(interactions.body, HasSubstr("\"code\": \"unauthenticated\""));
  for (const char* target : {"/v1beta/models", "/v1beta/files", "/v1beta/unknown"}) {
    EXPECT_EQ(Get(cluster_->proxy_port(), target).status, 401) << target;
  }
  EXPECT_EQ(LiveClient(cluster_->proxy_port()).status(), 401);
  EXPECT_EQ(Get(cluster_->proxy_port(), "/health").status, 200);
  EXPECT_EQ(cluster_->fake().Counts().requests, 0u);
}

TEST_F(Clients, RevocationHoldsAtOnceAtEveryProxy) {
  Start({.proxies = 2});
  const std::string a = AddClient("team-a");
  const std::string b = AddClient("team-b");
  for (int proxy : {0, 1}) {
    EXPECT_EQ(StatusAs(a, proxy), 200);
    EXPECT_EQ(StatusAs(b, proxy), 200);
  }
  EXPECT_EQ(cluster_->Poolctl({"client", "revoke", "team-a"}).exit_code, 0);
  for (int proxy : {0, 1}) {
    EXPECT_EQ(StatusAs(a, proxy), 401);
    EXPECT_EQ(StatusAs(b, proxy), 200);
  }
  cluster_->KillKeyd();
  ASSERT_TRUE(cluster_->StartKeyd().ok());
  ASSERT_TRUE(WaitUntil([&] { return StatusAs(b) == 200; }));
  EXPECT_EQ(StatusAs(a), 401);
}

TEST_F(Clients, RevocationHoldsAtOnceUnderLoadToo) {
  Start({.proxies = 2});
  const std::string a = AddClient("team-a");
  const std::string b = AddClient("team-b");
  std::atomic<bool> revoked = false, stop = false;
  std::atomic<int> served_a = 0, served_after = 0, refused_b = 0, asked_after = 0;
  std::vector<std::thread> load;
  for (int i = 0; i < 8; ++i) {
    load.emplace_back([&, i] {
      while (!stop) {
        const bool after = revoked;
        const bool served = StatusAs(i < 4 ? a : b, i % 2) == 200;
        if (i >= 4) {
          refused_b += !served;
        } else if (after) {
          ++asked_after;
          served_after += served;
        } else {
          served_a += served;
        }
      }
    });
  }
  EXPECT_TRUE(WaitUntil([&] { return served_a >= 40; }));
  EXPECT_EQ(cluster_->Poolctl({"client", "revoke", "team-a"}).exit_code, 0);
  revoked = true;
  EXPECT_TRUE(WaitUntil([&] { return asked_after >= 40; }));
  stop = true;
  for (std::thread& thread : load) thread.join();
  EXPECT_EQ(served_after, 0);
  EXPECT_EQ(refused_b, 0);
}

TEST_F(Clients, ARotatedTokenIsGoodAsLongAsItOverlaps) {
  Start();
  const std::string first = AddClient("team-a");
  const Finished rotated = cluster_->Poolctl({"client", "rotate", "team-a"});
  const std::string second(absl::StripAsciiWhitespace(rotated.out));
  EXPECT_NE(first, second);
  EXPECT_EQ(StatusAs(first), 200);
  EXPECT_EQ(StatusAs(second), 200);
  const Finished again = cluster_->Poolctl({"client", "rotate", "team-a", "--overlap", "0s"});
  EXPECT_EQ(StatusAs(first), 401);
  EXPECT_EQ(StatusAs(second), 401);
  EXPECT_EQ(StatusAs(std::string(absl::StripAsciiWhitespace(again.out))), 200);
}

TEST_F(Clients, OwnQuotaIsAnswered429ThatSaysSoAndSurvivesAKill) {
  Start();
  const std::string token = AddClient("team-a", {"--rpd", "3"});
  const std::string other = AddClient("team-b");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(StatusAs(token), 200);
  const Answer over = Ask(As(token));
  EXPECT_EQ(over.status, 429);
  EXPECT_THAT(over.body, AllOf(HasSubstr("own quota of client team-a (3 requests a day)"),
                               HasSubstr("RequestsPerDayPerClient"), HasSubstr("retryDelay"),
                               HasSubstr("RESOURCE_EXHAUSTED")));
  EXPECT_TRUE(over.Has("retry-after"));
  EXPECT_EQ(StatusAs(other), 200) << "is another's";
  EXPECT_EQ(Ask(As(token, {.target = "/v1beta/models"})).status, 200) << "is not metered";
  cluster_->KillKeyd();
  ASSERT_TRUE(cluster_->StartKeyd().ok());
  ASSERT_TRUE(WaitUntil([&] { return StatusAs(other) == 200; }));
  EXPECT_EQ(StatusAs(token), 429);
  EXPECT_EQ(cluster_->Poolctl({"client", "limits", "team-a", "--rpd", "unlimited"}).exit_code, 0);
  EXPECT_EQ(StatusAs(token), 200);
}

TEST_F(Clients, WhatAKeyIsToBlameForIsNotCounted) {
  Start();
  const std::string token = AddClient("team-a", {"--rpd", "1"});
  cluster_->fake().AddFault(fake::FaultOf(fake::FaultKind::k429Bare));
  EXPECT_EQ(StatusAs(token), 200);
  EXPECT_EQ(cluster_->fake().Counts().requests, 2u);
  EXPECT_EQ(StatusAs(token), 429);
}

TEST_F(Clients, ModelsAreAllowedByPatternInLiveSessionsToo) {
  Start();
  const std::string token = AddClient("team-a", {"--models", "gemini-2.5-flash*"});
  EXPECT_EQ(StatusAs(token), 200);
  const Answer refused = Ask(As(token, GenerateContent("gemini-2.5-pro")));
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body,
              AllOf(HasSubstr("PERMISSION_DENIED"), HasSubstr("may not use model gemini-2.5-pro")));
  const Answer counted = Ask(
      As(token,
         {.method = "POST", .target = "/v1beta/models/gemini-2.5-pro:countTokens", .body = "{}"}));
  EXPECT_EQ(counted.status, 403);
  const LiveOptions options{.headers = {{"x-goog-api-key", token}}};
  LiveClient good(cluster_->proxy_port(), options);
  ASSERT_EQ(good.status(), 101);
  ASSERT_TRUE(good.Setup("gemini-2.5-flash"));
  EXPECT_EQ(good.Receive(), R"({"setupComplete":{}})");
  LiveClient bad(cluster_->proxy_port(), options);
  ASSERT_EQ(bad.status(), 101);
  ASSERT_TRUE(bad.Setup("gemini-2.5-pro"));
  EXPECT_EQ(bad.Receive(), std::nullopt);
  EXPECT_EQ(bad.close_code(), 1008);
  EXPECT_THAT(bad.close_reason(), HasSubstr("may not use model gemini-2.5-pro"));
}

TEST_F(Clients, AccountsAreKeptByTheirNames) {
  Start();
  const std::string token = AddClient("team-a");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(StatusAs(token), 200);
  EXPECT_TRUE(WaitUntil([&] {
    const std::string usage = cluster_->Poolctl({"usage", "--by", "client", "--json"}).out;
    return usage.find("\"name\":\"team-a\"") != std::string::npos &&
           usage.find("\"requests\":3") != std::string::npos;
  })) << cluster_->Poolctl({"usage", "--by", "client"}).out;
  EXPECT_THAT(cluster_->Poolctl({"client", "show", "team-a"}).out, HasSubstr("requests today: 3"));
}

TEST_F(Clients, TokensCanBeRequiredByTheProxyAloneAndByKeydAlone) {
  Start({.proxy = {{"REQUIRE_CLIENT_TOKEN", "true"}, {"HOST", "0.0.0.0"}}});
  EXPECT_EQ(Ask(GenerateContent()).status, 401);
  const std::string token = AddClient("team-a");
  EXPECT_EQ(StatusAs(token), 200);
  Start({.keyd = {{"REQUIRE_CLIENT_TOKEN", "true"}}});
  EXPECT_EQ(Ask(GenerateContent()).status, 401);
  EXPECT_EQ(StatusAs(AddClient("team-a")), 200);
}

TEST_F(Clients, OneThatIsOverItsOwnQuotaMayWaitForItToo) {
  ClusterOptions options;
  options.proxy = {{"MAX_WAIT_SECONDS", "1"}};
  Start(options);
  const std::string token = AddClient("team-a", {"--rpm", "1"});
  EXPECT_EQ(StatusAs(token), 200);
  EXPECT_EQ(StatusAs(token), 429) << "a minute is longer than it may wait: told at once";
}

TEST_F(Clients, MoreConnectionsThanOneMayHaveAreRefusedThatOneAlone) {
  Start({.proxy = {{"MAX_CONNECTIONS_PER_CLIENT", "1"}}});
  const std::string a = AddClient("team-a");
  const std::string b = AddClient("team-b");
  RawConnection first(cluster_->proxy_port());
  ASSERT_TRUE(first.Send(As(a)));
  EXPECT_EQ(first.ReadAnswer("POST").status, 200);
  RawConnection second(cluster_->proxy_port());
  ASSERT_TRUE(second.Send(As(a)));
  const Answer refused = second.ReadAnswer("POST");
  EXPECT_EQ(refused.status, 429);
  EXPECT_THAT(refused.body, HasSubstr("MAX_CONNECTIONS_PER_CLIENT"));
  EXPECT_EQ(refused.Header("retry-after"), "1");
  EXPECT_EQ(StatusAs(b), 200);
  ASSERT_TRUE(first.Send(As(a)));
  EXPECT_EQ(first.ReadAnswer("POST").status, 200) << "the one that it has goes on";
  first.Close();
  EXPECT_TRUE(WaitUntil([&] { return StatusAs(a) == 200; }));
}

}  // namespace
}  // namespace keypool::itest
