#include "proxy/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

using testing::HasSubstr;

struct Read {
  ProxyConfig config;
  Settings::Parsed parsed;
};

Read Parse(const Settings::Environment& environment, std::vector<const char*> flags = {}) {
  Read read;
  Settings settings("proxy", "test");
  DeclareSettings(&settings, &read.config);
  flags.insert(flags.begin(), "proxy");
  read.parsed = settings.Parse(static_cast<int>(flags.size()), flags.data(), environment);
  if (read.parsed.next == Settings::Next::kRun) Derive(&read.config);
  return read;
}

TEST(ProxyConfig, DefaultsAreTheDocumentedOnes) {
  const Read read = Parse({{"DATA_DIR", "/tmp/keypool-test"}});
  ASSERT_EQ(read.parsed.next, Settings::Next::kRun) << read.parsed.err;
  EXPECT_EQ(read.config.host, "127.0.0.1");
  EXPECT_EQ(read.config.port, 8000);
  EXPECT_EQ(read.config.max_retries, 3);
  EXPECT_EQ(read.config.retry_delay, absl::Seconds(2));
  EXPECT_EQ(read.config.keyd_address, "unix:/tmp/keypool-test/keyd.sock");
  EXPECT_EQ(read.config.origin.host, "generativelanguage.googleapis.com");
  EXPECT_TRUE(read.config.origin.tls);
  EXPECT_GE(read.config.threads, 1);
  EXPECT_EQ(read.config.body.bytes_max, 100u * 1024 * 1024);
}

TEST(ProxyConfig, AddressesBeyondLoopbackNeedTokens) {
  for (const char* good : {"127.0.0.1", "127.8.9.10", "::1", "localhost"}) {
    EXPECT_EQ(Parse({{"HOST", good}}).parsed.next, Settings::Next::kRun) << good;
  }
  for (const char* bad : {"0.0.0.0", "::", "10.0.0.1", "example.com"}) {
    const Read read = Parse({{"HOST", bad}});
    EXPECT_EQ(read.parsed.next, Settings::Next::kExit) << bad;
    EXPECT_THAT(read.parsed.err, testing::AllOf(HasSubstr("HOST"), HasSubstr(bad)));
  }
  EXPECT_THAT(Parse({{"HOST", "0.0.0.0"}}).parsed.err, HasSubstr("REQUIRE_CLIENT_TOKEN=true"));
  for (const char* good : {"0.0.0.0", "::", "10.0.0.1"}) {
    const Read read = Parse({{"HOST", good}, {"REQUIRE_CLIENT_TOKEN", "true"}});
    EXPECT_EQ(read.parsed.next, Settings::Next::kRun) << good << read.parsed.err;
  }
  EXPECT_EQ(Parse({{"HOST", "example.com"}, {"REQUIRE_CLIENT_TOKEN", "true"}}).parsed.next,
            Settings::Next::kExit);
}

TEST(ProxyConfig, EveryMistakeIsToldAtOnce) {
  const Read read = Parse({{"HOST", "example.com"},
                           {"GEMINI_BASE_URL", "ftp://x"},
                           {"KEYD_ADDRESS", "10.0.0.1:80"},
                           {"LOG_LEVEL", "LOUD"},
                           {"CORS_ORIGINS", "app.example"},
                           {"UPSTREAM_CA_FILE", "/no/such/file"},
                           {"SPOOL_DIR", "/no/such/dir"}});
  EXPECT_EQ(read.parsed.next, Settings::Next::kExit);
  for (const char* name : {"HOST", "GEMINI_BASE_URL", "KEYD_ADDRESS", "LOG_LEVEL",
                           "UPSTREAM_CA_FILE", "SPOOL_DIR", "CORS_ORIGINS"}) {
    EXPECT_THAT(read.parsed.err, HasSubstr(name));
  }
}

TEST(Origin, IsTakenApart) {
  const auto plain = ParseOrigin("http://127.0.0.1:9000");
  ASSERT_TRUE(plain.ok());
  EXPECT_FALSE(plain->tls);
  EXPECT_EQ(plain->port, 9000);
  EXPECT_EQ(plain->authority, "127.0.0.1:9000");
  EXPECT_EQ(plain->prefix, "");

  const auto prefixed = ParseOrigin("HTTPS://gateway.example/some/path/");
  ASSERT_TRUE(prefixed.ok());
  EXPECT_TRUE(prefixed->tls);
  EXPECT_EQ(prefixed->port, 443);
  EXPECT_EQ(prefixed->authority, "gateway.example");
  EXPECT_EQ(prefixed->prefix, "/some/path");

  const auto v6 = ParseOrigin("http://[::1]:80/");
  ASSERT_TRUE(v6.ok());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->authority, "[::1]");
}

TEST(ProxyConfig, PublicBaseUrlThenItsPathIsThePrefixAndPeersAreRead) {
  const Read read = Parse({{"PUBLIC_BASE_URL", "https://pool.example:444/gemini/"},
                           {"TRUSTED_PROXIES", "10.0.0.0/8,::1"}});
  ASSERT_EQ(read.parsed.next, Settings::Next::kRun) << read.parsed.err;
  EXPECT_EQ(read.config.public_base, "https://pool.example:444/gemini");
  EXPECT_EQ(read.config.public_prefix, "/gemini");
  EXPECT_TRUE(read.config.trusted.Has("10.1.2.3"));
  const Read none = Parse({});
  EXPECT_EQ(none.config.public_base, "");
  EXPECT_EQ(none.config.public_prefix, "");
  EXPECT_FALSE(none.config.trusted.Has("127.0.0.1"));
  const Read wrong = Parse({{"PUBLIC_BASE_URL", "pool.example"}, {"TRUSTED_PROXIES", "me"}});
  EXPECT_EQ(wrong.parsed.next, Settings::Next::kExit);
  EXPECT_THAT(wrong.parsed.err,
              testing::AllOf(HasSubstr("PUBLIC_BASE_URL"), HasSubstr("TRUSTED_PROXIES")));
}

TEST(Origin, WhatIsNoBaseUrlIsRefused) {
  for (const char* bad :
       {"", "generativelanguage.googleapis.com", "ftp://x", "http://", "http://:80", "http://x:0",
        "http://x:65536", "http://x:1x", "http://x?y=1", "http://x/#f", "http://a b/",
        "http://x/a b", "http://[::1", "http://[g]/", "http://user:secret@host/"}) {
    const auto origin = ParseOrigin(bad);
    EXPECT_EQ(origin.status().code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_THAT(std::string(origin.status().message()), testing::Not(HasSubstr("secret")));
  }
}

}  // namespace
}  // namespace keypool::proxy
