// Where a client's token is found, and that it goes no further.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/headers.h"
#include "proxy/request_plan.h"
#include "proxy/target.h"

namespace keypool::proxy {
namespace {

const std::string kToken = "gkp_" + std::string(48, 'x');
const std::string kOther = "gkp_" + std::string(48, 'y');
constexpr std::string_view kGenerate = "/v1beta/models/m:generateContent";

Plan PlanOf(std::string_view target, std::vector<Field> fields = {}) {
  RequestHead head;
  head.method = "POST";
  head.target = target;
  head.fields.assign(fields.begin(), fields.end());
  return MakePlan(head);
}

std::string Found(const Plan& plan) {
  return plan.client_token == nullptr ? "" : std::string(plan.client_token->Reveal());
}

TEST(ClientToken, IsFoundWhereverAClientPutsItsKey) {
  const std::string path(kGenerate);
  for (const Field& field : {Field{"x-goog-api-key", kToken}, Field{"X-Goog-Api-Key", kToken},
                             Field{"authorization", kToken}}) {
    EXPECT_EQ(Found(PlanOf(path, {field})), kToken) << field.name;
  }
  const std::string bearer = "Bearer " + kToken, spaced = "bearer   " + kToken;
  EXPECT_EQ(Found(PlanOf(path, {{"Authorization", bearer}})), kToken);
  EXPECT_EQ(Found(PlanOf("/v1beta/openai/chat/completions", {{"Authorization", spaced}})), kToken);
  for (const std::string& query :
       {"key=" + kToken, "alt=sse&key=" + kToken, "%6bey=" + kToken, "$key=" + kToken,
        "key=%67kp_" + std::string(48, 'x'), "key=AIza&key=" + kToken, "access_token=" + kToken}) {
    const Plan plan = PlanOf(path + "?" + query);
    EXPECT_EQ(Found(plan), kToken) << query;
    EXPECT_EQ(plan.target.find("kp_"), std::string::npos) << plan.target;
  }
}

TEST(ClientToken, IsFoundInTheUpgradeOfALiveSession) {
  RequestHead head;
  head.method = "GET";
  head.minor_version = 1;
  const std::string target =
      "//ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent?key=" +
      kToken;
  head.target = target;
  head.fields = {{"Connection", "Upgrade"}, {"Upgrade", "websocket"}};
  const Plan plan = MakePlan(head);
  EXPECT_TRUE(plan.live);
  EXPECT_EQ(Found(plan), kToken);
}

TEST(ClientToken, TheFirstOneCountsAndWhatIsNoneDoesNot) {
  const std::string path(kGenerate);
  EXPECT_EQ(Found(PlanOf(path + "?key=" + kOther, {{"x-goog-api-key", kToken}})), kToken);
  EXPECT_EQ(Found(PlanOf(path, {{"x-goog-api-key", ""}, {"Authorization", kToken}})), kToken);
  EXPECT_EQ(Found(PlanOf(path, {{"x-goog-api-key", "AIzaSyNotOne"}, {"x-goog-api-key", kToken}})),
            kToken);
  EXPECT_EQ(Found(PlanOf(path)), "");
  EXPECT_EQ(Found(PlanOf(path + "?other=" + kToken, {{"x-other", kToken}})), "");
  EXPECT_EQ(Found(PlanOf(path + "?key=" + kToken + "x", {{"x-goog-api-key", "gkp_short"}})), "");
  EXPECT_EQ(ClientTokenIn(""), "");
  EXPECT_EQ(ClientTokenIn("key"), "");
  EXPECT_EQ(ClientTokenIn("key="), "");
}

TEST(ClientToken, NeverGoesUpstream) {
  RequestHead head;
  head.method = "POST";
  const std::string target = std::string(kGenerate) + "?key=" + kToken + "&alt=sse";
  const std::string bearer = "Bearer " + kToken;
  head.target = target;
  head.fields = {{"Host", "pool"}, {"x-goog-api-key", kToken}, {"Authorization", bearer}};
  const Plan plan = MakePlan(head);
  std::string out;
  AppendUpstreamHead(head, plan, "google", Secret("AIzaKey"), {}, &out);
  EXPECT_EQ(out.find("gkp_"), std::string::npos) << out;
  EXPECT_NE(out.find("x-goog-api-key: AIzaKey"), std::string::npos) << out;
}

}  // namespace
}  // namespace keypool::proxy
