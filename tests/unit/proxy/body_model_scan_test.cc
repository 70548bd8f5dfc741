#include "proxy/body_model_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace keypool::proxy {
namespace {

std::string ModelIn(std::string_view body, std::size_t piece = 1 << 20) {
  BodyModelScan scan;
  while (!body.empty()) {
    scan.Feed(body.substr(0, piece));
    body.remove_prefix(std::min(piece, body.size()));
  }
  return std::string(scan.Model());
}

TEST(BodyModelScan, ModelAnywhereAtTheTopThenItIsFoundHoweverTheBodyIsCut) {
  const struct {
    std::string_view body, model;
  } kCases[] = {
      {R"({"model":"gemini-2.5-flash","messages":[]})", "gemini-2.5-flash"},
      {R"({"messages":[{"role":"user","content":"hi"}],"model":"m"})", "m"},
      {" \r\n\t{ \"model\" \n:\t\"m\" } ", "m"},
      {"\xef\xbb\xbf{\"model\":\"m\"}", "m"},
      {R"({"model":"models/gemini-x"})", "gemini-x"},
      {R"({"model":"tunedModels/x"})", "tunedModels/x"},
      {R"({"model":"models\/gem\u0069ni-x"})", "gemini-x"},
      {R"({"\u006do\u0064el":"m"})", "m"},
      {R"({"a":{"model":"no","b":[{"model":"no"}]},"model":"m","z":{"model":"no"}})", "m"},
      {R"({"a":"}\"{\\","b":["]","}"],"model":"m"})", "m"},
      {R"({"a":-1.5e3,"b":true,"c":null,"model":"m"})", "m"},
      {R"({"a":"model","model":"m"})", "m"},
      // The last one counts.
      {R"({"model":"first","model":"last"})", "last"},
      {R"({"model":"first","model":"a-much-longer-last-one","x":1})", "a-much-longer-last-one"},
      {R"({"model":"first","model":null})", ""},
      {R"({"model":"first","model":{"model":"x"}})", ""},
      // Beyond JSON, as Google reads it.
      {"{'model':'m'}", "m"},
      {"{model:\"m\"}", "m"},
      {"{ model : 'm', }", "m"},
      {"{a:'}',model:'m'}", "m"},
      {"{\"a\":['\"',\"'\"],\"model\":'m'}", "m"},
      // No object, no model, no name that a model has.
      {"", ""},
      {"[{\"model\":\"m\"}]", ""},
      {"\"model\"", ""},
      {"model=m", ""},
      {"{}", ""},
      {R"({"model":5})", ""},
      {R"({"model":["m"]})", ""},
      {R"({"models":"m","Model":"m","mode":"m","":"m"})", ""},
      {R"({"mod\nel":"m","model\u0000":"m","model\u00e9":"m"})", ""},
      {R"({"model":"a b"})", ""},
      {R"({"model":"\u00e9"})", ""},
      {"{\"model\":\"\xc3\xa9\"}", ""},
      {R"({"model":""})", ""},
      {R"({"model":"models/"})", ""},
      {R"({"model":"unfinished)", ""},
      {R"({"model":"bad\u12"})", ""},
      {"{}{\"model\":\"m\"}", ""},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ModelIn(c.body), c.model) << c.body;
    EXPECT_EQ(ModelIn(c.body, 1), c.model) << c.body;
    EXPECT_EQ(ModelIn(c.body, 3), c.model) << c.body;
  }
}

TEST(BodyModelScan, NameOfTheLongestKindThenItFitsAndOneMoreDoesNot) {
  const std::string longest(kModelBytesMax, 'm');
  EXPECT_EQ(ModelIn("{\"model\":\"" + longest + "\"}"), longest);
  EXPECT_EQ(ModelIn("{\"model\":\"models/" + longest + "\"}"), longest);
  EXPECT_EQ(ModelIn("{\"model\":\"models/" + longest + "m\"}"), "");
  EXPECT_EQ(ModelIn("{\"model\":\"" + longest + "mmmmmmm\"}"), "");
  EXPECT_EQ(ModelIn("{\"model\":\"" + std::string(100000, 'm') + "\"}"), "");
}

TEST(BodyModelScan, EndOfTheObjectThenItIsDoneAndNotBefore) {
  BodyModelScan scan;
  scan.Feed(R"({"model":"m","a":{"b":1})");
  EXPECT_FALSE(scan.Done());
  EXPECT_EQ(scan.Model(), "m");
  scan.Feed("}");
  EXPECT_TRUE(scan.Done());
  scan.Feed(R"({"model":"other"})");
  EXPECT_EQ(scan.Model(), "m");
}

TEST(BodyModelScan, NoObjectThenItIsDoneAtOnce) {
  BodyModelScan scan;
  scan.Feed("  [");
  EXPECT_TRUE(scan.Done());
  EXPECT_EQ(scan.Model(), "");
}

TEST(BodyModelScan, DeepAndLargeThenItStillFindsTheModelBehind) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  const std::string large(1 << 20, 'x');
  EXPECT_EQ(ModelIn("{\"a\":" + deep + ",\"b\":\"" + large + "\",\"model\":\"m\"}", 4096), "m");
}

}  // namespace
}  // namespace keypool::proxy
