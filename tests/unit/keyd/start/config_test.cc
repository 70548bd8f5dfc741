#include "keyd/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace keypool {
namespace {

using ::testing::HasSubstr;

Settings::Parsed Parse(const Settings::Environment& environment, Config* config) {
  Settings settings("keyd", "test");
  Declare(config, environment, &settings);
  const char* const argv[] = {"keyd"};
  return settings.Parse(1, argv, environment);
}

TEST(KeydConfig, DefaultsAreThoseOfTheOriginalAndTheSocketIsInTheDataDir) {
  Config config;
  const Settings::Parsed parsed = Parse({{"DATA_DIR", "/data"}}, &config);
  ASSERT_EQ(parsed.next, Settings::Next::kRun) << parsed.err;
  EXPECT_EQ(ListenAddress(config), "unix:/data/keyd.sock");
  EXPECT_EQ(LogLevel(config), log::Level::kInfo);
  const auto options = EngineOptions(config);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->pool.default_limits.requests_per_minute, 10);
  EXPECT_EQ(options->pool.default_limits.requests_per_day, 250);
  EXPECT_EQ(options->durability, store::Durability::kProcess);
  EXPECT_EQ(options->pool.pacific.name(), "America/Los_Angeles");
  // What has left in time may arrive a little later.
  EXPECT_EQ(ServerOptions(config).send_by + absl::Milliseconds(100), options->pool.send_by);
  EXPECT_EQ(ServerOptions(config).lease_time_to_live, options->pool.lease_time_to_live);
}

TEST(KeydConfig, AGroupOfTheSocketIsOneThatThereIs) {
  for (const char* group : {"root", "0", "12345"}) {
    Config config;
    const Settings::Parsed parsed =
        Parse({{"DATA_DIR", "/data"}, {"KEYD_SOCKET_GROUP", group}}, &config);
    EXPECT_EQ(parsed.next, Settings::Next::kRun) << parsed.err;
    EXPECT_EQ(ServerOptions(config).sharing.group, group);
  }
  for (const char* group : {"no-such-group", "-1", "4294967295", "4294967296"}) {
    Config config;
    const Settings::Parsed parsed =
        Parse({{"DATA_DIR", "/data"}, {"KEYD_SOCKET_GROUP", group}}, &config);
    EXPECT_EQ(parsed.exit_code, 2) << group;
    EXPECT_THAT(parsed.err, HasSubstr("KEYD_SOCKET_GROUP"));
    EXPECT_THAT(parsed.err, HasSubstr("groupadd"));
  }
  Config config;
  EXPECT_EQ(Parse({{"DATA_DIR", "/data"}}, &config).next, Settings::Next::kRun);
  EXPECT_EQ(ServerOptions(config).sharing.group, "");
}

TEST(KeydConfig, SettingsReachTheEngineAndTheServer) {
  Config config;
  const Settings::Parsed parsed = Parse({{"DATA_DIR", "/data"},
                                         {"KEYD_LISTEN", "unix:/run/k.sock"},
                                         {"DEFAULT_RPM_LIMIT", "15"},
                                         {"DEFAULT_RPD_LIMIT", "1500"},
                                         {"DURABILITY", "power"},
                                         {"SEND_BY_SECONDS", "0.25"},
                                         {"LEASE_TTL_SECONDS", "60"},
                                         {"LOG_LEVEL", "debug"}},
                                        &config);
  ASSERT_EQ(parsed.next, Settings::Next::kRun) << parsed.err;
  EXPECT_EQ(ServerOptions(config).listen, "unix:/run/k.sock");
  EXPECT_EQ(LogLevel(config), log::Level::kDebug);
  const auto options = EngineOptions(config);
  ASSERT_TRUE(options.ok());
  EXPECT_EQ(options->pool.default_limits.requests_per_minute, 15);
  EXPECT_EQ(options->pool.default_limits.requests_per_day, 1500);
  EXPECT_EQ(options->durability, store::Durability::kPower);
  EXPECT_EQ(ServerOptions(config).send_by, absl::Milliseconds(250));
  EXPECT_EQ(options->pool.send_by, absl::Milliseconds(350));
  EXPECT_EQ(options->pool.lease_time_to_live, absl::Minutes(1));
}

TEST(KeydConfig, EveryMistakeIsToldAtOnce) {
  Config config;
  const Settings::Parsed parsed = Parse({{"DATA_DIR", "relative"},
                                         {"KEYD_LISTEN", "0.0.0.0:9000"},
                                         {"STORE", "postgres"},
                                         {"DURABILITY", "none"},
                                         {"LOG_LEVEL", "LOUD"},
                                         {"SEND_BY_SECONDS", "2"},
                                         {"LEASE_TTL_SECONDS", "1"}},
                                        &config);
  EXPECT_EQ(parsed.next, Settings::Next::kExit);
  EXPECT_EQ(parsed.exit_code, 2);
  for (const char* name :
       {"DATA_DIR", "KEYD_LISTEN", "STORE", "DURABILITY", "LOG_LEVEL", "SEND_BY_SECONDS"}) {
    EXPECT_THAT(parsed.err, HasSubstr(name));
  }
}

TEST(KeydConfig, SocketPathThatIsTooLongNamesTheSetting) {
  Config config;
  const Settings::Parsed parsed = Parse({{"DATA_DIR", "/" + std::string(120, 'd')}}, &config);
  EXPECT_EQ(parsed.next, Settings::Next::kExit);
  EXPECT_THAT(parsed.err, HasSubstr("KEYD_LISTEN"));
  EXPECT_THAT(parsed.err, HasSubstr("107"));
}

}  // namespace
}  // namespace keypool
