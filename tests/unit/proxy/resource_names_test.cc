#include "proxy/resource_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace keypool::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using Names = std::vector<std::string>;

TEST(ResourceNames, PathThenWhatItIsOfAndWhatTheAnswerShows) {
  const struct {
    std::string_view rest;
    Names names;
    std::string_view self;
    Shows shows;
  } kCases[] = {
      {"files", {}, "", Shows::kByName},
      {"files:register", {}, "", Shows::kByName},
      {"files/abc", {"files/abc"}, "files/abc", Shows::kByName},
      {"files/abc:download", {"files/abc"}, "", Shows::kNothing},
      {"files/environment-e1:download", {"environments/e1"}, "", Shows::kNothing},
      {"cachedContents", {}, "", Shows::kByName},
      {"cachedContents/x", {"cachedContents/x"}, "cachedContents/x", Shows::kByName},
      {"batches/b:cancel", {"batches/b"}, "", Shows::kByName},
      {"batches/b:updateEmbedContentBatch", {"batches/b"}, "", Shows::kByName},
      {"tunedModels/t", {"tunedModels/t"}, "tunedModels/t", Shows::kByName},
      {"tunedModels/t:generateContent", {"tunedModels/t"}, "", Shows::kNothing},
      {"tunedModels/t:batchGenerateContent", {"tunedModels/t"}, "", Shows::kByName},
      {"tunedModels/t/permissions/p", {"tunedModels/t"}, "", Shows::kByName},
      {"fileSearchStores/s:importFile", {"fileSearchStores/s"}, "", Shows::kByName},
      {"fileSearchStores/s/documents/d", {"fileSearchStores/s"}, "", Shows::kByName},
      {"fileSearchStores/s/media/m", {"fileSearchStores/s"}, "", Shows::kByName},
      {"fileSearchStores/s/operations/o",
       {"fileSearchStores/s", "fileSearchStores/s/operations/o"},
       "fileSearchStores/s/operations/o",
       Shows::kByName},
      {"fileSearchStores/s/upload/operations/o",
       {"fileSearchStores/s", "fileSearchStores/s/upload/operations/o"},
       "fileSearchStores/s/upload/operations/o",
       Shows::kByName},
      {"models/m/operations/o", {"models/m/operations/o"}, "models/m/operations/o", Shows::kByName},
      {"models/m/operations/o:cancel", {"models/m/operations/o"}, "", Shows::kByName},
      {"models/m:generateContent", {}, "", Shows::kNothing},
      {"models/m:batchGenerateContent", {}, "", Shows::kByName},
      {"models/m:predictLongRunning", {}, "", Shows::kByName},
      {"models/m", {}, "", Shows::kNothing},
      {"models/", {}, "", Shows::kNothing},
      {"interactions", {}, "", Shows::kById},
      {"interactions/i", {"interactions/i"}, "interactions/i", Shows::kById},
      {"interactions/i/cancel", {"interactions/i"}, "", Shows::kById},
      {"agents/a", {"agents/a"}, "agents/a", Shows::kById},
      {"environments/e", {"environments/e"}, "environments/e", Shows::kById},
      {"triggers/t/executions", {"triggers/t"}, "", Shows::kNothing},
      {"webhooks/w:ping", {"webhooks/w"}, "", Shows::kNothing},
      {"openai/files", {}, "", Shows::kById},
      {"openai/files/files/abc", {"files/abc"}, "files/abc", Shows::kById},
      {"openai/files/abc/content", {"files/abc"}, "", Shows::kNothing},
      {"openai/files/files-abc", {"files/files-abc"}, "files/files-abc", Shows::kById},
      {"openai/batches/batches/b/cancel", {"batches/b"}, "", Shows::kById},
      {"openai/chat/completions", {}, "", Shows::kNothing},
      {"uploads/x", {}, "", Shows::kNothing},
      {"live/x", {}, "", Shows::kNothing},
      {"unheard/of", {}, "", Shows::kNothing},
      {"", {}, "", Shows::kNothing},
  };
  for (const auto& c : kCases) {
    const ResourcePlan plan = ResourcesInPath(c.rest);
    EXPECT_EQ(plan.names.all(), c.names) << c.rest;
    EXPECT_EQ(plan.self, c.self) << c.rest;
    EXPECT_EQ(plan.shows, c.shows) << c.rest;
  }
}

TEST(ResourceNames, UploadIdThenOnlyItsDigestIsTold) {
  const std::string upload = UploadResource("a/b+c");
  EXPECT_EQ(upload.size(), 8u + 32u);
  EXPECT_EQ(UploadResource("abc"), "uploads/ba7816bf8f01cfea414140de5dae2223");
  EXPECT_EQ(LiveResource("abc"), "live/ba7816bf8f01cfea414140de5dae2223");
  EXPECT_THAT(ResourcesInUpload("v1beta/files", "upload_id=a%2Fb%2Bc&x=1").names.all(),
              ElementsAre(upload));
  EXPECT_THAT(ResourcesInUpload("v1/files", "x=1&upload%5Fid=a/b+c").names.all(),
              ElementsAre(upload));
  const ResourcePlan store =
      ResourcesInUpload("v1beta/fileSearchStores/s:uploadToFileSearchStore", "upload_id=abc");
  EXPECT_THAT(store.names.all(), ElementsAre("fileSearchStores/s", UploadResource("abc")));
  EXPECT_EQ(store.shows, Shows::kByName);
  EXPECT_THAT(ResourcesInUpload("v1beta/files", "").names.all(), IsEmpty());
}

TEST(ResourceNames, UriThenOnlyFilesOfGooglesOrOurHostHaveAName) {
  const struct {
    std::string_view uri, name;
  } kCases[] = {
      {"https://generativelanguage.googleapis.com/v1beta/files/abc", "files/abc"},
      {"https://generativelanguage.googleapis.com/v1main/files/abc?x=1", "files/abc"},
      {"https://generativelanguage.googleapis.com/v1beta/files/abc:download?alt=media",
       "files/abc"},
      {"HTTPS://GenerativeLanguage.googleapis.com/v1beta/files/abc", "files/abc"},
      {"http://localhost:8000/v1beta/files/abc", "files/abc"},
      {"https://pool.example/gemini/v1beta/files/abc", "files/abc"},
      {"files/abc", "files/abc"},
      {"https://localhost/v1beta/files/abc", ""},
      {"https://example.com/files/abc", ""},
      {"https://example.com/?https://generativelanguage.googleapis.com/v1beta/files/abc", ""},
      {"https://generativelanguage.googleapis.com/v1beta/other?/files/abc", ""},
      {"https://generativelanguage.googleapis.com", ""},
      {"https://generativelanguage.googleapis.com/v1beta/files/", ""},
      {"https://www.youtube.com/watch?v=abc", ""},
      {"https://youtu.be/files/abc", ""},
      {"gs://bucket/files/abc", ""},
      {"ftp://generativelanguage.googleapis.com/files/abc", ""},
      {"cachedContents/x", ""},
      {"", ""},
  };
  for (const auto& c : kCases) {
    EXPECT_EQ(ResourceInUri(c.uri, {"localhost:8000", "pool.example", ""}), c.name) << c.uri;
  }
}

TEST(ResourceNames, NameWithOrWithoutItsCollectionThenItIsTheSame) {
  EXPECT_EQ(ResourceOf("files", "abc"), "files/abc");
  EXPECT_EQ(ResourceOf("files", "files/abc"), "files/abc");
  EXPECT_EQ(ResourceOf("files", "batches/abc"), "");
  EXPECT_EQ(ResourceOf("files", "a b"), "");
  EXPECT_EQ(ResourceOf("files", "caf\xc3\xa9"), "");
  EXPECT_EQ(ResourceOf("files", std::string(kResourceBytesMax - 6, 'a')).size(), kResourceBytesMax);
  EXPECT_EQ(ResourceOf("files", std::string(kResourceBytesMax - 5, 'a')), "");
  EXPECT_EQ(ResourceNamed("files/environment-e"), "environments/e");
  EXPECT_EQ(ResourceNamed("fileSearchStores/s/documents/d"), "fileSearchStores/s");
  EXPECT_EQ(ResourceNamed("models/m/operations/o"), "models/m/operations/o");
  EXPECT_EQ(ResourceNamed("models/m"), "");
  EXPECT_EQ(ResourceNamed("projects/p/files/x"), "");
}

TEST(ResourceNames, MoreThanMayBeToldThenTheFirstAreKeptAndItSaysSo) {
  ResourceNames names;
  for (std::size_t i = 0; i < kResourcesMax; ++i) names.Add("files/" + std::to_string(i));
  names.Add("files/0");
  names.Add("");
  EXPECT_FALSE(names.TooMany());
  names.Add("files/one-more");
  EXPECT_TRUE(names.TooMany());
  EXPECT_EQ(names.all().size(), kResourcesMax);
}

TEST(ResourceNames, LifetimesAreThoseThatGoogleTells) {
  EXPECT_EQ(UsualLifetime("files/a"), absl::Hours(48));
  EXPECT_EQ(UsualLifetime("cachedContents/a"), absl::Hours(1));
  EXPECT_EQ(UsualLifetime("models/m/operations/o"), absl::Hours(24 * 30));
  EXPECT_EQ(UsualLifetime("fileSearchStores/s"), kResourceTimeMax);
  EXPECT_EQ(UsualLifetime("uploads/x"), absl::Hours(24 * 7));
  EXPECT_EQ(UsualLifetime("unheard/of"), absl::ZeroDuration());
  EXPECT_TRUE(IsOfOneProject("files/a"));
  EXPECT_FALSE(IsOfOneProject("agents/deep-research"));
  EXPECT_FALSE(IsOfOneProject("environments/remote"));
}

}  // namespace
}  // namespace keypool::proxy
