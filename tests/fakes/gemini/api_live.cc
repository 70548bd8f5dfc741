// What Gemini decides about a Live session when its setup has come.
#include <boost/json.hpp>
#include <string>
#include <utility>

#include "tests/fakes/gemini/api.h"

namespace keypool::fake {

namespace json = boost::json;

GeminiApi::LiveVerdict GeminiApi::OpenLive(const Subject& subject, const std::string& message,
                                           absl::Time at) {
  constexpr int kNotConsistent = 1007, kPolicy = 1008, kInternal = 1011;
  LiveVerdict verdict;
  const auto refuse = [&verdict](int code, std::string reason) {
    verdict.close_code = code;
    verdict.reason = std::move(reason);
    return verdict;
  };
  boost::system::error_code error;
  const json::value value = json::parse(message, error);
  const json::value* setup = error ? nullptr : value.find_pointer("/setup", error);
  if (setup == nullptr || !setup->is_object()) {
    return refuse(kNotConsistent, "Request contains an invalid argument.");
  }
  if (const json::value* model = setup->get_object().if_contains("model");
      model != nullptr && model->is_string()) {
    verdict.model = model->get_string();
    if (verdict.model.starts_with("models/")) verdict.model.erase(0, 7);
  }
  if (!models_.contains(verdict.model)) {
    return refuse(kPolicy, "models/" + verdict.model +
                               " is not found for API version v1beta, or is not supported for "
                               "bidiGenerateContent.");
  }
  if (const json::value* resumption = setup->get_object().if_contains("sessionResumption")) {
    verdict.resumable = true;
    const json::value* handle = resumption->find_pointer("/handle", error);
    if (handle != nullptr && handle->is_string()) {
      const auto found = live_handles_.find(std::string(handle->get_string()));
      if (found == live_handles_.end() || found->second != subject.project) {
        return refuse(kPolicy, "BidiGenerateContent session not found");
      }
    }
  }
  if (!quota_.Charge(subject.key, subject.project, verdict.model, at).empty()) {
    return refuse(kInternal,
                  "You exceeded your current quota, please check your plan and billing details.");
  }
  return verdict;
}

std::string GeminiApi::NewLiveHandle(const std::string& project) {
  std::string handle = "Cihv" + std::string(200, 'x') + std::to_string(live_handles_.size());
  live_handles_[handle] = project;
  return handle;
}

}  // namespace keypool::fake
