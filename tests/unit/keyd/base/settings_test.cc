#include "keyd/base/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace keypool {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// A program with one setting of each kind.
class SettingsTest : public testing::Test {
 protected:
  SettingsTest() : settings_("proxy", "Stands between clients and Gemini.") {
    settings_.AddText("HOST", &host, "The address to listen on.");
    settings_.AddSecretText("GEMINI_API_KEYS", &keys, "The keys.");
    settings_.AddFlag("TLS", &tls, "Speaks TLS.");
    settings_.AddInt("MAX_RETRIES", &retries, {0, 10}, "How often to try again.");
    settings_.AddSeconds("RETRY_DELAY_SECONDS", &delay, {0, 60}, "How long to wait.");
    settings_.AddCheck([this] {
      return retries > 0 || delay == absl::ZeroDuration()
                 ? absl::OkStatus()
                 : absl::InvalidArgumentError("RETRY_DELAY_SECONDS needs MAX_RETRIES over 0");
    });
  }

  Settings::Parsed Parse(std::vector<const char*> arguments,
                         const Settings::Environment& environment = {}) {
    arguments.insert(arguments.begin(), "proxy");
    return settings_.Parse(static_cast<int>(arguments.size()), arguments.data(), environment);
  }

  // The path of a file with this text.
  std::string File(const std::string& text) {
    const std::string path = testing::TempDir() + "/settings_test_" +
                             testing::UnitTest::GetInstance()->current_test_info()->name() +
                             ".toml";
    std::ofstream(path) << text;
    return path;
  }

  std::string host = "127.0.0.1";
  std::string keys;
  bool tls = false;
  std::int64_t retries = 3;
  absl::Duration delay = absl::Seconds(2);
  Settings settings_;
};

TEST_F(SettingsTest, DefaultsStayWithoutAnySource) {
  const auto parsed = Parse({});
  EXPECT_EQ(parsed.next, Settings::Next::kRun) << parsed.err;
  EXPECT_EQ(host, "127.0.0.1");
  EXPECT_EQ(retries, 3);
}

TEST_F(SettingsTest, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const std::string file = File("max_retries = 5\nhost = \"::1\"\nretry_delay_seconds = 0.5\n");
  const auto parsed = Parse({"--max-retries=7"},
                            {{"CONFIG_FILE", file}, {"MAX_RETRIES", "6"}, {"HOST", "localhost"}});
  ASSERT_EQ(parsed.next, Settings::Next::kRun) << parsed.err;
  EXPECT_EQ(retries, 7);
  EXPECT_EQ(host, "localhost");
  EXPECT_EQ(delay, absl::Milliseconds(500));
  EXPECT_FALSE(tls);
}

TEST_F(SettingsTest, EveryWayToWriteAFlagIsRead) {
  ASSERT_EQ(Parse({"--max-retries", "7", "--tls", "--host="}).next, Settings::Next::kRun);
  EXPECT_EQ(retries, 7);
  EXPECT_TRUE(tls);
  EXPECT_EQ(host, "");
  ASSERT_EQ(Parse({"--tls=false", "--host", "[::1]"}).next, Settings::Next::kRun);
  EXPECT_FALSE(tls);
  EXPECT_EQ(host, "[::1]");
}

TEST_F(SettingsTest, EmptyEnvironmentVariableCountsAsUnset) {
  ASSERT_EQ(Parse({}, {{"MAX_RETRIES", ""}, {"HOST", ""}}).next, Settings::Next::kRun);
  EXPECT_EQ(retries, 3);
  EXPECT_EQ(host, "127.0.0.1");
}

TEST_F(SettingsTest, AllMistakesAreToldAtOnceAndNothingIsChanged) {
  const std::string file = File("max_retires = 5\nhost = \"ok\"\n");
  const auto parsed = Parse({"--prot", "8000", "--retry-delay-seconds=soon", "--max-retries"},
                            {{"CONFIG_FILE", file}, {"MAX_RETRIES", "11"}, {"TLS", "maybe"}});
  EXPECT_EQ(parsed.next, Settings::Next::kExit);
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_EQ(parsed.out, "");
  EXPECT_THAT(parsed.err, HasSubstr(file + ":1: unknown setting max_retires (did you mean "
                                           "max_retries?)"));
  EXPECT_THAT(parsed.err, HasSubstr("MAX_RETRIES (environment): 11 is too large; allowed: 0 to "
                                    "10"));
  EXPECT_THAT(parsed.err, HasSubstr("TLS (environment): \"maybe\" is neither true nor false"));
  EXPECT_THAT(parsed.err, HasSubstr("RETRY_DELAY_SECONDS (--retry-delay-seconds): \"soon\" is not "
                                    "a number of seconds"));
  EXPECT_THAT(parsed.err, HasSubstr("--max-retries: needs a value"));
  EXPECT_THAT(parsed.err, HasSubstr("unknown flag --prot"));
  EXPECT_EQ(host, "127.0.0.1");
}

TEST_F(SettingsTest, FailedCheckIsToldTogetherWithWhatCannotBeRead) {
  settings_.AddCheck([this] {
    return host == "here" ? absl::InvalidArgumentError("HOST is here") : absl::OkStatus();
  });
  const auto parsed = Parse({"--host=here", "--retry-delay-seconds=soon"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.err, HasSubstr("HOST is here"));
  EXPECT_THAT(parsed.err, HasSubstr("RETRY_DELAY_SECONDS"));
  EXPECT_EQ(host, "127.0.0.1");
}

struct BadText {
  const char* flag;
  const char* says;
};
class SettingsBadText : public SettingsTest, public testing::WithParamInterface<BadText> {};

TEST_P(SettingsBadText, IsRefusedWithNameAndBounds) {
  const auto parsed = Parse({GetParam().flag});
  EXPECT_EQ(parsed.exit_code, 2) << GetParam().flag;
  EXPECT_THAT(parsed.err, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    All, SettingsBadText,
    testing::Values(
        BadText{"--max-retries=-1", "MAX_RETRIES (--max-retries): -1 is too small"},
        BadText{"--max-retries=11", "11 is too large; allowed: 0 to 10"},
        BadText{"--max-retries=3.5", "\"3.5\" is not a whole number"},
        BadText{"--max-retries=", "\"\" is not a whole number"},
        BadText{"--max-retries=+3", "\"+3\" is not a whole number"},
        BadText{"--max-retries=0x3", "\"0x3\" is not a whole number"},
        BadText{"--max-retries= 3", "\" 3\" is not a whole number"},
        BadText{"--max-retries=99999999999999999999", "is not a whole number"},
        BadText{"--retry-delay-seconds=-1", "\"-1\" is not a number of seconds"},
        BadText{"--retry-delay-seconds=inf", "\"inf\" is not a number of seconds"},
        BadText{"--retry-delay-seconds=1e3", "\"1e3\" is not a number of seconds"},
        BadText{"--retry-delay-seconds=1.", "\"1.\" is not a number of seconds"},
        BadText{"--retry-delay-seconds=60.5", "60.5 is too large; allowed: 0 to 60 seconds"},
        BadText{"--tls=2", "\"2\" is neither true nor false; allowed: true, false"},
        BadText{"--maxretries=3", "unknown flag --maxretries (did you mean --max-retries?)"},
        BadText{"-x", "unknown flag -x"},
        BadText{"--config=/nowhere/x.toml", "cannot read \"/nowhere/x.toml\""},
        BadText{"--config=/", "cannot read \"/\""}));

TEST_F(SettingsTest, ArgumentThatIsNotExpectedIsRefusedAndNotShown) {
  const auto parsed = Parse({"AIzaSyNotToBeShown"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.err, HasSubstr("1 more argument than proxy takes"));
  EXPECT_THAT(parsed.err, Not(HasSubstr("AIza")));
}

TEST_F(SettingsTest, SameFlagTwiceIsAMistake) {
  EXPECT_THAT(Parse({"--host=a", "--host=b"}).err, HasSubstr("--host: is given twice"));
}

TEST_F(SettingsTest, CheckOverSeveralSettingsRunsAfterAllAreRead) {
  const auto parsed = Parse({"--max-retries=0"});
  EXPECT_EQ(parsed.exit_code, 2);
  EXPECT_THAT(parsed.err, HasSubstr("RETRY_DELAY_SECONDS needs MAX_RETRIES"));
}

TEST_F(SettingsTest, SecretComesFromEnvironmentAndFileOnlyAndIsNeverShown) {
  const auto flag = Parse({"--gemini-api-keys", "AIzaSecret"});
  EXPECT_EQ(flag.exit_code, 2);
  EXPECT_THAT(flag.err, AllOf(HasSubstr("GEMINI_API_KEYS"), HasSubstr("process list"),
                              Not(HasSubstr("AIzaSecret"))));
  EXPECT_EQ(Parse({}, {{"GEMINI_API_KEYS", "AIzaSecret"}}).next, Settings::Next::kRun);
  EXPECT_EQ(keys, "AIzaSecret");
  const auto printed = Parse({"--print-config"}, {{"GEMINI_API_KEYS", "AIzaSecret"}});
  EXPECT_EQ(printed.exit_code, 0);
  EXPECT_THAT(printed.out,
              AllOf(HasSubstr("# gemini_api_keys is set\n"), Not(HasSubstr("AIzaSecret"))));
}

TEST_F(SettingsTest, PrintedConfigReadsBackToTheSameSettings) {
  const auto printed =
      Parse({"--print-config", "--host", "a \"b\" \\ \t\u4e2d", "--retry-delay-seconds=0.25"});
  ASSERT_EQ(printed.exit_code, 0) << printed.err;
  host.clear();
  delay = absl::Seconds(9);
  const auto read = Parse({}, {{"CONFIG_FILE", File(printed.out)}});
  ASSERT_EQ(read.next, Settings::Next::kRun) << read.err << printed.out;
  EXPECT_EQ(host, "a \"b\" \\ \t\u4e2d");
  EXPECT_EQ(delay, absl::Milliseconds(250));
}

TEST_F(SettingsTest, CheckConfigSaysOkOrTheMistakes) {
  const auto ok = Parse({"--check-config"});
  EXPECT_EQ(ok.next, Settings::Next::kExit);
  EXPECT_EQ(ok.exit_code, 0);
  EXPECT_EQ(ok.out, "configuration ok\n");
  const auto bad = Parse({"--check-config", "--max-retries=x"});
  EXPECT_EQ(bad.exit_code, 2);
  EXPECT_THAT(bad.err, HasSubstr("MAX_RETRIES"));
}

TEST_F(SettingsTest, HelpShowsFlagEnvironmentDefaultBoundsAndSentence) {
  const auto parsed = Parse({"--help", "--max-retries=x"});
  EXPECT_EQ(parsed.exit_code, 0);
  EXPECT_THAT(parsed.out, HasSubstr("--max-retries N   [environment MAX_RETRIES]\n      How often "
                                    "to try again. Allowed: 0 to 10. Default: 3.\n"));
  EXPECT_THAT(parsed.out, HasSubstr("[environment GEMINI_API_KEYS]"));
  EXPECT_THAT(parsed.out, Not(HasSubstr("--gemini-api-keys")));
}

TEST_F(SettingsTest, TableOfThisProgramIsReadAndThoseOfTheOthersAreNot) {
  const std::string file = File("host = \"::1\"\n[keyd]\nanything = 1\n[proxy]\nmax_retries = 4\n");
  const auto parsed = Parse({}, {{"CONFIG_FILE", file}});
  ASSERT_EQ(parsed.next, Settings::Next::kRun) << parsed.err;
  EXPECT_EQ(host, "::1");
  EXPECT_EQ(retries, 4);
}

TEST_F(SettingsTest, UnknownTableAndKeySetTwiceAreMistakesWithTheirLines) {
  const std::string file = File("host = 'a'\nhost = 'b'\n[prxy]\nx = 1\n");
  const auto parsed = Parse({}, {{"CONFIG_FILE", file}});
  EXPECT_THAT(parsed.err, HasSubstr("HOST (" + file + ":2): is set twice"));
  EXPECT_THAT(parsed.err, HasSubstr(file + ":4: unknown table [prxy]"));
}

// --- commands ---------------------------------------------------------------------------------

class CommandSettingsTest : public testing::Test {
 protected:
  CommandSettingsTest() : settings_("poolctl", "Looks after the pool.") {
    settings_.AddText("KEYD_ADDRESS", &address, "Where keyd listens.");
    settings_.AddAlias("KEYD_ADDRESS", "address");
    Settings& show = settings_.AddCommand("status", "Shows the pool.", "Examples:\n  x\n");
    show.AddArgument("KEY", &key, Settings::Presence::kOptional, "Only this key.");
    show.AddOption("model", &model, "MODEL", "Only this model.");
    show.AddSwitch("json", &json, "As JSON.");
    Settings& add = settings_.AddCommand("add", "Adds a key.", "");
    add.RefuseArguments("add takes no secret");
    Settings& remove = settings_.AddCommand("remove", "Removes a key.", "");
    remove.AddArgument("KEY", &key, Settings::Presence::kRequired, "Which key.");
  }
  Settings::Parsed Parse(std::vector<const char*> arguments,
                         const Settings::Environment& environment = {}) {
    arguments.insert(arguments.begin(), "poolctl");
    return settings_.Parse(static_cast<int>(arguments.size()), arguments.data(), environment);
  }
  std::string address = "unix:/a", key, model;
  bool json = false;
  Settings settings_;
};

TEST_F(CommandSettingsTest, SettingsAreReadBeforeAndAfterTheCommand) {
  EXPECT_EQ(Parse({"--address", "unix:/b", "status", "--json", "key_1"}).command, "status");
  EXPECT_EQ(address, "unix:/b");
  EXPECT_EQ(key, "key_1");
  EXPECT_TRUE(json);
  EXPECT_EQ(Parse({"status", "--model=m", "--keyd-address=unix:/c"}).command, "status");
  EXPECT_EQ(address, "unix:/c");
  EXPECT_EQ(model, "m");
}

TEST_F(CommandSettingsTest, OptionOfACommandHasNoEnvironment) {
  EXPECT_EQ(Parse({"status"}, {{"MODEL", "x"}, {"JSON", "true"}, {"model", "x"}}).command,
            "status");
  EXPECT_EQ(model, "");
  EXPECT_FALSE(json);
}

TEST_F(CommandSettingsTest, MissingOrUnknownCommandIsToldWithTheKnownOnes) {
  EXPECT_THAT(Parse({}).err, HasSubstr("a command is needed; allowed: status, add, remove"));
  EXPECT_THAT(Parse({"statsu"}).err, HasSubstr("did you mean status?"));
}

TEST_F(CommandSettingsTest, MissingAndRefusedArgumentsAreToldWithoutShowingThem) {
  EXPECT_THAT(Parse({"remove"}).err, HasSubstr("KEY is missing; see poolctl remove --help"));
  const auto refused = Parse({"add", "AIzaSecret"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_EQ(refused.err, "add takes no secret\n");
}

TEST_F(CommandSettingsTest, HelpOfACommandTeachesWithExamples) {
  const auto parsed = Parse({"status", "--help"});
  EXPECT_EQ(parsed.exit_code, 0);
  EXPECT_THAT(parsed.out,
              AllOf(HasSubstr("Usage: poolctl status [KEY] [flags]"), HasSubstr("--model MODEL"),
                    HasSubstr("--address, --keyd-address"), HasSubstr("Examples:\n  x\n")));
  EXPECT_THAT(Parse({"--help"}).out, HasSubstr("status    Shows the pool."));
}

TEST_F(CommandSettingsTest, OptionOfAnotherCommandIsUnknown) {
  EXPECT_THAT(Parse({"remove", "key_1", "--json"}).err, HasSubstr("unknown flag --json"));
}

}  // namespace
}  // namespace keypool
