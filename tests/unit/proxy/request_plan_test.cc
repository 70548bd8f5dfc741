#include "proxy/request_plan.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

RequestHead Head(std::string_view method, std::string_view target) {
  RequestHead head;
  head.method = method;
  head.target = target;
  return head;
}

Plan PlanOf(std::string_view method, std::string_view target) {
  return MakePlan(Head(method, target));
}

TEST(RequestPlan, MeteredMethodOnAModelThenTheModelIsReadFromThePath) {
  const struct {
    std::string_view target, model;
  } kCases[] = {
      {"/v1beta/models/gemini-2.5-flash:generateContent", "gemini-2.5-flash"},
      {"/v1/models/gemini-2.5-flash:streamGenerateContent?alt=sse", "gemini-2.5-flash"},
      {"/v1alpha/models/x:embedContent", "x"},
      {"/v1main/models/x:batchEmbedContents", "x"},
      {"/v2beta3/models/x:asyncBatchEmbedContent", "x"},
      {"/v1beta/models/x:batchGenerateContent", "x"},
      {"/v1beta/models/imagen-4.0:predict", "imagen-4.0"},
      {"/v1beta/models/veo-3:predictLongRunning", "veo-3"},
      {"/v1beta/models/aqa:generateAnswer", "aqa"},
      {"/v1beta/tunedModels/my_tune-1:generateContent", "tunedModels/my_tune-1"},
      {"/v1beta/dynamic/x:generateContent", "dynamic/x"},
      // Other spellings that the upstream may read as the same.
      {"//v1beta/models/x:generateContent", "x"},
      {"///v1beta//models///x:generateContent", "x"},
      {"/v1beta/models/x%3AgenerateContent", "x"},
      {"/v1beta/models/x%3agenerateContent", "x"},
      {"/v1beta/models%2Fx:generateContent", "x"},
      {"/%76%31/models/%78:generate%43ontent", "x"},
      {"/v1beta/models/x:generateContent/", "x"},
      {"/v1beta/models/x:generateContent?", "x"},
  };
  for (const auto& c : kCases) {
    const Plan plan = PlanOf("POST", c.target);
    EXPECT_EQ(plan.problem, "") << c.target;
    EXPECT_EQ(plan.route, Route::kUpstream) << c.target;
    EXPECT_EQ(plan.kind, Kind::kMetered) << c.target;
    EXPECT_EQ(plan.model, c.model) << c.target;
    EXPECT_FALSE(plan.model_in_body) << c.target;
    EXPECT_EQ(plan.body, BodyPlan::kKeep) << c.target;
    EXPECT_EQ(plan.target, c.target);
    EXPECT_EQ(plan.key_place, KeyPlace::kGoogHeader) << c.target;
  }
}

TEST(RequestPlan, EverythingElseThenItIsPassedOnUnmetered) {
  const struct {
    std::string_view method, target, model;
  } kCases[] = {
      {"POST", "/v1beta/models/x:countTokens", "x"},
      {"GET", "/v1beta/models/x", "x"},
      {"GET", "/v1beta/models", ""},
      {"GET", "/v1beta/models?pageSize=5", ""},
      {"GET", "/v1beta/models/x/operations/abc", ""},
      {"GET", "/v1beta/models/x:generateContent", "x"},
      {"OPTIONS", "/v1beta/models/x:generateContent", "x"},
      {"POST", "/v1beta/models/x:GenerateContent", "x"},
      {"POST", "/v1beta/models/x:generateContent/more", "x"},
      {"POST", "/v1beta/cachedContents", ""},
      {"POST", "/v1beta/other/x:generateContent", ""},
      {"POST", "/models/x:generateContent", ""},
      {"POST", "/vbeta/models/x:generateContent", ""},
      {"POST", "/V1/models/x:generateContent", ""},
      {"PATCH", "/v1beta/batches/x:updateEmbedContentBatch", ""},
      {"GET", "/v1beta/files/x:download?alt=media", ""},
      {"POST", "/v1beta/interactions/x/cancel", ""},
      {"GET", "/v1beta/interactions", ""},
      {"GET", "/$discovery/rest?version=v1beta", ""},
      {"GET", "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent", ""},
      {"GET", "/", ""},
      {"GET", "//", ""},
      {"GET", "/v1beta", ""},
      {"GET", "/metrics", ""},
      {"OPTIONS", "*", ""},
  };
  for (const auto& c : kCases) {
    const Plan plan = PlanOf(c.method, c.target);
    EXPECT_EQ(plan.problem, "") << c.target;
    EXPECT_EQ(plan.route, Route::kUpstream) << c.target;
    EXPECT_EQ(plan.kind, Kind::kUnmetered) << c.target;
    EXPECT_EQ(plan.model, c.model) << c.target;
    EXPECT_FALSE(plan.model_in_body) << c.target;
    EXPECT_EQ(plan.target, c.target);
  }
}

TEST(RequestPlan, ResourceInThePathThenThePlanNamesItHoweverItIsWritten) {
  using Names = std::vector<std::string>;
  const struct {
    std::string_view target;
    Names names;
  } kCases[] = {
      {"/v1beta/files/abc?alt=media", {"files/abc"}},
      {"/v1//files%2Fabc%3Adownload", {"files/abc"}},
      {"/v1beta/batches/b:cancel", {"batches/b"}},
      {"/v1beta/openai/files/files%2Fabc", {"files/abc"}},
      {"/upload/v1beta/files?upload_id=abc", {UploadResource("abc")}},
      {"/upload/v1beta/files", {}},
      {"/v1beta/models/m:generateContent", {}},
      {"/files/abc", {}},
      {"/v1beta:chatCompletions", {}},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(PlanOf("GET", c.target).resources.names.all(), c.names) << c.target;
  }
}

TEST(RequestPlan, AnotherMethodAskedForBesideTheRequestLineThenItIsMeteredAllTheSame) {
  constexpr std::string_view kTarget = "/v1beta/models/x:generateContent";
  RequestHead head = Head("PUT", kTarget);
  EXPECT_EQ(MakePlan(head).kind, Kind::kUnmetered);
  head.fields.push_back({"X-HTTP-Method-Override", "POST"});
  EXPECT_EQ(MakePlan(head).kind, Kind::kMetered);
  EXPECT_EQ(PlanOf("GET", std::string(kTarget) + "?$httpMethod=POST").kind, Kind::kMetered);
  EXPECT_EQ(PlanOf("GET", std::string(kTarget) + "?%24httpMethod=POST").kind, Kind::kMetered);
  EXPECT_TRUE(PlanOf("GET", "/v1beta/interactions?$httpMethod=POST").model_in_body);
}

TEST(RequestPlan, MeteredMethodOnNoModelsNameThenItIsRefused) {
  const std::string kNames[] = {
      "",
      "a/b",
      "a%2Fb",
      "a:b",
      "a;b=1",
      "a%20b",
      "a%00b",
      "a%zz",
      "a%2561",
      "a+b",
      "a@1",
      "%C3%A9",
      std::string(kModelBytesMax + 1, 'm'),
  };
  for (const std::string& name : kNames) {
    const Plan plan = PlanOf("POST", "/v1beta/models/" + name + ":generateContent");
    EXPECT_NE(plan.problem, "") << name;
  }
  EXPECT_NE(PlanOf("POST", "/v1beta/tunedModels/:generateContent").problem, "");
  EXPECT_NE(PlanOf("POST", "/v1beta/tunedModels/a/b:generateContent").problem, "");
  const std::string longest(kModelBytesMax, 'm');
  EXPECT_EQ(PlanOf("POST", "/v1beta/models/" + longest + ":generateContent").model, longest);
}

TEST(RequestPlan, ModelIsInTheBodyThenThePlanSaysSo) {
  for (const std::string_view target :
       {"/v1beta/openai/chat/completions", "/v1beta/openai/embeddings", "/v1/openai/embeddings?x=1",
        "/v1beta/openai/images/generations", "/v1beta/interactions", "/v1beta:chatCompletions",
        "/v1beta%3AchatCompletions", "//v1beta/openai//chat/completions/"}) {
    const Plan plan = PlanOf("POST", target);
    EXPECT_TRUE(plan.model_in_body) << target;
    EXPECT_EQ(plan.kind, Kind::kUnmetered) << target;
    EXPECT_FALSE(PlanOf("GET", target).model_in_body) << target;
  }
  for (const std::string_view target :
       {"/v1beta/openai/models", "/v1beta/openai/files", "/v1beta/openai/chat/completions/x",
        "/v1beta/openai", "/openai/chat/completions", "/v1beta:other"}) {
    EXPECT_FALSE(PlanOf("POST", target).model_in_body) << target;
  }
}

TEST(RequestPlan, OpenAiPathThenErrorsAndKeyTakeItsForm) {
  for (const std::string_view target :
       {"/v1beta/openai/chat/completions", "/v1beta/openai/models", "/v1beta/openai/x?alt=sse"}) {
    const Plan plan = PlanOf("GET", target);
    EXPECT_EQ(plan.error_shape, ErrorShape::kOpenAi) << target;
    EXPECT_EQ(plan.key_place, KeyPlace::kBearer) << target;
  }
  EXPECT_EQ(PlanOf("GET", "/v1beta/openaix").key_place, KeyPlace::kGoogHeader);
}

TEST(RequestPlan, InteractionsThenErrorsTakeTheirForm) {
  for (const std::string_view target :
       {"/v1beta/interactions", "/v1/interactions/abc", "/v1beta/interactions/abc/cancel"}) {
    EXPECT_EQ(PlanOf("POST", target).error_shape, ErrorShape::kInteractions) << target;
  }
  EXPECT_EQ(PlanOf("POST", "/v1beta/interactionsx").error_shape, ErrorShape::kNative);
}

TEST(RequestPlan, StreamingThenErrorsTakeTheFormOfTheStream) {
  const std::string kStream = "/v1beta/models/x:streamGenerateContent";
  EXPECT_EQ(PlanOf("POST", kStream).error_shape, ErrorShape::kJsonArray);
  EXPECT_EQ(PlanOf("POST", kStream + "?alt=json").error_shape, ErrorShape::kJsonArray);
  EXPECT_EQ(PlanOf("POST", kStream + "?alt=").error_shape, ErrorShape::kJsonArray);
  EXPECT_EQ(PlanOf("POST", kStream + "?alt").error_shape, ErrorShape::kJsonArray);
  EXPECT_EQ(PlanOf("POST", kStream + "?alt=ssex").error_shape, ErrorShape::kJsonArray);
  EXPECT_EQ(PlanOf("POST", "/v1beta/models/x:generateContent").error_shape, ErrorShape::kNative);
  for (const std::string query :
       {"alt=sse", "$alt=sse", "%24alt=sse", "%61lt=%73se", "a=b&alt=sse&c",
        "$alt=sse;enum-encoding=int", "%24alt=sse%3Benum-encoding%3Dint"}) {
    EXPECT_EQ(PlanOf("POST", kStream + "?" + query).error_shape, ErrorShape::kSse) << query;
  }
}

TEST(RequestPlan, UploadThenTheBodyStreams) {
  EXPECT_EQ(PlanOf("POST", "/upload/v1beta/files").body, BodyPlan::kStream);
  EXPECT_EQ(PlanOf("POST", "/upload/v1beta/files?upload_id=x").body, BodyPlan::kStream);
  EXPECT_EQ(PlanOf("POST", "//upload/v1/fileSearchStores/x:uploadToFileSearchStore").body,
            BodyPlan::kStream);
  EXPECT_EQ(PlanOf("POST", "/uploads/x").body, BodyPlan::kKeep);
  EXPECT_EQ(PlanOf("POST", "/v1beta/upload/x").body, BodyPlan::kKeep);
}

TEST(RequestPlan, OwnPathsThenOnlyTheirLiteralSpellingIsOurs) {
  for (const std::string_view target : {"/health", "/health?x=1", "/health?"}) {
    EXPECT_EQ(PlanOf("GET", target).route, Route::kHealth) << target;
    EXPECT_EQ(PlanOf("GET", target).problem, "") << target;
  }
  for (const std::string_view target :
       {"/admin", "/admin/", "/admin?x", "/admin/status", "/admin/status/key_1?model=x",
        "/admin//status", "/admin/%73tatus"}) {
    EXPECT_EQ(PlanOf("POST", target).route, Route::kAdmin) << target;
    EXPECT_EQ(PlanOf("POST", target).problem, "") << target;
  }
  for (const std::string_view target :
       {"/healthz", "/health:x", "/Health", "/administrator", "/adminx/status", "/ADMIN/status",
        "/admin%00", "/v1beta/admin/status", "/x?/admin/status", "/admin;x=1"}) {
    EXPECT_EQ(PlanOf("GET", target).route, Route::kUpstream) << target;
    EXPECT_EQ(PlanOf("GET", target).problem, "") << target;
  }
}

TEST(RequestPlan, TwoReadersCouldDifferThenItIsRefused) {
  for (const std::string_view target :
       {"//admin/status", "/%61dmin/status", "/admin%2Fstatus", "//health", "/health/", "/hea%6Cth",
        "/admin/../v1beta/models", "/v1beta/../admin/status", "/v1beta/%2e%2E/admin/status",
        "/v1beta/..%2fadmin/status", "/./admin", "/v1beta/./models/x:generateContent",
        "/v1beta/y/../models/x:generateContent", "/..", "/v1beta/models/..", "/."}) {
    EXPECT_NE(PlanOf("POST", target).problem, "") << target;
  }
  // Dots that are no segment of their own are in many names.
  for (const std::string_view target :
       {"/v1beta/files/.hidden", "/v1beta/files/...", "/v1beta/files/a..b", "/v1beta/x?a=/../b"}) {
    EXPECT_EQ(PlanOf("GET", target).problem, "") << target;
  }
}

TEST(RequestPlan, CredentialParametersThenTheyGoAndEveryOtherByteStays) {
  const struct {
    std::string_view target, sent;
  } kCases[] = {
      {"/x?key=K", "/x"},
      {"/x?key=", "/x"},
      {"/x?key", "/x"},
      {"/x?key=K&key=L", "/x"},
      {"/x?a=1&key=K", "/x?a=1"},
      {"/x?key=K&a=1", "/x?a=1"},
      {"/x?a=1&key=K&b=2", "/x?a=1&b=2"},
      {"/x?a=1&&key=K&&b", "/x?a=1&&&b"},
      {"/x?&key=K", "/x"},
      {"/x?key=K&", "/x"},
      {"/x?&key=K&", "/x?&"},
      {"/x?%6Bey=K", "/x"},
      {"/x?%6b%65%79=K", "/x"},
      {"/x?k%65y=K&alt=sse", "/x?alt=sse"},
      {"/x?access_token=T", "/x"},
      {"/x?access%5Ftoken=T", "/x"},
      {"/x?oauth_token=T", "/x"},
      {"/x?$key=K&%24key=K", "/x"},
      {"/x?$userProject=p&userProject=p", "/x"},
      {"/x?key=a=b&c", "/x?c"},
      {"/x?key=K;a=1&b", "/x?b"},
      // What is none stays, byte for byte.
      {"/x?", "/x?"},
      {"/x?&", "/x?&"},
      {"/x?a=1;key=K", "/x?a=1;key=K"},
      {"/x?keys=K&mykey=K&KEY=K", "/x?keys=K&mykey=K&KEY=K"},
      {"/x?%256bey=K", "/x?%256bey=K"},
      {"/x?k%65=K&%zz&%6", "/x?k%65=K&%zz&%6"},
      {"/x?+key=K", "/x?+key=K"},
      {"/x?=key&a=key=K", "/x?=key&a=key=K"},
      {"/x?$alt=json;enum-encoding=int&pageToken=a%2Bb",
       "/x?$alt=json;enum-encoding=int&pageToken=a%2Bb"},
      {"/x?a=b?key=K", "/x?a=b?key=K"},
      {"/x%3Fkey=K", "/x%3Fkey=K"},
      {"//v1beta/%7Ekey?upload_id=%41", "//v1beta/%7Ekey?upload_id=%41"},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(PlanOf("GET", c.target).target, c.sent) << c.target;
  }
}

constexpr std::string_view kLive =
    "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent";

RequestHead Upgrade(std::string_view target) {
  RequestHead head = Head("GET", target);
  head.fields = {{"Connection", "keep-alive, Upgrade"}, {"Upgrade", "WebSocket"}};
  return head;
}

TEST(RequestPlan, UpgradeOnALivePathThenATunnel) {
  for (const std::string_view target :
       {kLive,
        std::string_view("//ws/google.ai.generativelanguage.v1.GenerativeService."
                         "BidiGenerateContentConstrained?x=1"),
        std::string_view("/ws/google.ai.generativelanguage.v1alpha.GenerativeService."
                         "BidiGenerateMusic"),
        std::string_view("/%77s/google.ai.generativelanguage.v1beta.GenerativeService."
                         "BidiGenerateContent")}) {
    const Plan plan = MakePlan(Upgrade(target));
    EXPECT_TRUE(plan.live) << target;
    EXPECT_EQ(plan.kind, Kind::kUnmetered) << target;
    EXPECT_EQ(plan.key_place, KeyPlace::kGoogHeader) << target;
    EXPECT_EQ(plan.target, target);
  }
}

TEST(RequestPlan, NoUpgradeOrNoLivePathThenNoTunnel) {
  EXPECT_FALSE(MakePlan(Head("GET", kLive)).live);
  for (const std::string_view target :
       {"/v1beta/models/x:generateContent", "/ws/other",
        "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent/x",
        "/ws/google.ai.generativelanguage.beta.GenerativeService.BidiGenerateContent",
        "/x/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"}) {
    EXPECT_FALSE(MakePlan(Upgrade(target)).live) << target;
  }
  RequestHead post = Upgrade(kLive);
  post.method = "POST";
  RequestHead old = Upgrade(kLive);
  old.minor_version = 0;
  RequestHead body = Upgrade(kLive);
  body.framing = Framing::kSized;
  RequestHead other = Upgrade(kLive);
  other.fields = {{"Connection", "Upgrade"}, {"Upgrade", "h2c"}};
  RequestHead alone = Upgrade(kLive);
  alone.fields = {{"Upgrade", "websocket"}};
  for (const RequestHead& head : {post, old, body, other, alone}) {
    EXPECT_FALSE(MakePlan(head).live);
  }
}

TEST(RequestPlan, EphemeralTokenOnALivePathThenItStaysAndNoKeyIsPutIn) {
  const std::string path(kLive);
  for (const std::string_view token :
       {"access_token=auth_tokens/x", "%61ccess_token=auth_tokens%2Fx",
        "$access_token=auth_tokens/x"}) {
    const std::string target = path + "?key=MINE&a=b&" + std::string(token);
    const Plan plan = MakePlan(Upgrade(target));
    EXPECT_EQ(plan.key_place, KeyPlace::kNone) << token;
    EXPECT_EQ(plan.target, path + "?a=b&" + std::string(token));
  }
  for (const Field& field :
       {Field{"Authorization", "Token auth_tokens/x"},
        Field{"authorization", "token auth_tokens/x"}, Field{"X-Goog-Api-Key", "auth_tokens/x"}}) {
    RequestHead head = Upgrade(kLive);
    head.fields.push_back(field);
    EXPECT_EQ(MakePlan(head).key_place, KeyPlace::kNone) << field.value;
  }
}

TEST(RequestPlan, OtherTokensOrElsewhereThenTheyGoAsEver) {
  const std::string path(kLive);
  EXPECT_EQ(MakePlan(Upgrade(path + "?access_token=ya29.x")).target, path);
  EXPECT_EQ(MakePlan(Upgrade(path + "?access_token=ya29.x")).key_place, KeyPlace::kGoogHeader);
  for (const Field& field : {Field{"Authorization", "Bearer auth_tokens/x"},
                             Field{"Authorization", "Token AIza"}, Field{"Authorization", "Token"},
                             Field{"x-goog-api-key", "AIza"}, Field{"x-other", "auth_tokens/x"}}) {
    RequestHead head = Upgrade(kLive);
    head.fields.push_back(field);
    EXPECT_EQ(MakePlan(head).key_place, KeyPlace::kGoogHeader) << field.value;
  }
  const Plan plan = PlanOf("GET", "/v1beta/models?access_token=auth_tokens/x");
  EXPECT_EQ(plan.key_place, KeyPlace::kGoogHeader);
  EXPECT_EQ(plan.target, "/v1beta/models");
}

}  // namespace
}  // namespace keypool::proxy
