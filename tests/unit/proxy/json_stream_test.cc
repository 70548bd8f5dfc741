#include "proxy/json_stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace keypool::proxy {
namespace {

using Event = JsonStream::Event;
using Value = JsonStream::Value;

// The events of `text`, when members whose name starts with 'v' are wanted themselves and those
// with 'o' as objects: "{" and "}" for objects, "name:", "'text'", "scalar" and "nested".
std::string Events(std::string_view text, std::size_t piece = 1 << 20) {
  JsonStream json;
  std::string events;
  for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
    std::string_view rest = text.substr(0, piece);
    for (Event event = json.Next(&rest); event != Event::kMore; event = json.Next(&rest)) {
      const std::string kept(json.Kept());
      if (event == Event::kOpen) events += "{";
      if (event == Event::kClose) events += "}";
      if (event == Event::kText) events += "'" + kept + "' ";
      if (event == Event::kScalar) events += kept + " ";
      if (event == Event::kNested) events += "nested ";
      if (event != Event::kName) continue;
      events += kept + ":";
      if (kept.starts_with('v')) json.Want(Value::kItself);
      if (kept.starts_with('o')) json.Want(Value::kMembers);
    }
    EXPECT_TRUE(rest.empty());
  }
  return events;
}

TEST(JsonStream, MembersOfObjectsThenOnlyWhatIsWantedIsTold) {
  const struct {
    std::string_view text, events;
  } kCases[] = {
      {R"({"v1":"a","v2":-1.5e3,"v3":null,"v4":[{"v":1}],"v5":{"v":"}"}})",
       "{v1:'a' v2:-1.5e3 v3:null v4:nested v5:nested }"},
      {R"({"a":"x","b":1,"c":[1,"]",{}],"d":{"v":1}})", "{a:b:c:d:}"},
      {R"({"o1":{"o2":{"v":1},"a":2},"o3":[{"v":1}],"o4":"x","o5":5,"v":"y"})",
       "{o1:{o2:{v:1 }a:}o3:o4:o5:v:'y' }"},
      {" \n{ \"v\" : \"a\" , \"w\" : 2 }\r\n{}", "{v:'a' w:}{}"},
      {R"([{"v":1},[{"v":2}],"{",5,{"v":3}])", "{v:1 }{v:3 }"},
      {R"("{\"v\":1}" 5 null {"v":1})", "{v:1 }"},
      {R"({"v\u0041\n\u00e9":"\"\/\u0042"})", "{vA\n\xff:'\"/B' }"},
      {"{v:'a\"',w:\"'\",o:{v:2,}}", "{v:'a\"' w:o:{v:2 }}"},
      {R"({"v":1,"v":,"v":})", "{v:1 v: v: }"},
      {"{\"v\":1 2\n,\"v\":3", "{v:12 v:"},
      {"]}{\"v\":\"a", "{v:"},
  };
  for (const auto& c : kCases) {
    for (const std::size_t piece : {1u, 2u, 3u, 1000u}) {
      EXPECT_EQ(Events(c.text, piece), c.events) << c.text << " in pieces of " << piece;
    }
  }
}

TEST(JsonStream, ObjectsDeeperThanItGoesThenTheyAreSteppedOver) {
  std::string text;
  for (int i = 0; i < 100; ++i) text += "{\"o\":";
  text += "1" + std::string(100, '}') + "{\"v\":1}";
  std::string events;
  for (int i = 0; i < JsonStream::kDepthMax; ++i) events += "{o:";
  events += std::string(JsonStream::kDepthMax, '}') + "{v:1 }";
  EXPECT_EQ(Events(text), events);
}

TEST(JsonStream, NamesAndValuesThatAreLongThenTheirStartIsKept) {
  const std::string name = "v" + std::string(1000, 'n');
  const std::string text(1000, 't');
  const std::string number(1000, '9');
  const auto cut = [](const std::string& s) { return s.substr(0, JsonStream::kKeptBytesMax); };
  for (const std::size_t piece : {1u, 7u, 10'000u}) {
    EXPECT_EQ(Events("{\"" + name + "\":\"" + text + "\",v:" + number + "}", piece),
              "{" + cut(name) + ":'" + cut(text) + "' v:" + cut(number) + " }");
  }
}

TEST(JsonStream, ResetThenItStartsAnewWhateverWasOpen) {
  for (const std::string_view open :
       {"{\"o\":{\"v\":\"a", "{\"v", "{\"a\":[[{\"b\":\"\\u00", "[", "\""}) {
    JsonStream json;
    std::string_view rest = open;
    while (json.Next(&rest) != Event::kMore) {
    }
    json.Reset();
    EXPECT_EQ(json.Depth(), 0);
    rest = "{\"v\":1}";
    EXPECT_EQ(json.Next(&rest), Event::kOpen);
    EXPECT_EQ(json.Next(&rest), Event::kName);
    EXPECT_EQ(json.Kept(), "v");
    EXPECT_EQ(json.Next(&rest), Event::kClose);
  }
}

}  // namespace
}  // namespace keypool::proxy
