#include "tests/fakes/gemini/function_calls.h"

#include <boost/json.hpp>

namespace keypool::fake {
namespace {

namespace json = boost::json;

std::string CallOf(const json::value& value, std::string_view pointer) {
  boost::system::error_code error;
  const json::value* found = value.find_pointer(pointer, error);
  return found != nullptr && *found == json::value("weather") ? "weather" : "";
}

json::value Parse(std::string_view body) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  return error ? json::value() : value;
}

}  // namespace

std::string FunctionToCall(std::string_view body) {
  if (body.find("functionDeclarations") == std::string_view::npos) return {};
  if (body.find("\"functionResponse\"") != std::string_view::npos) return {};
  const json::value parsed = Parse(body);
  boost::system::error_code error;
  const json::value* const functions = parsed.find_pointer("/tools/0/functionDeclarations", error);
  if (functions == nullptr || !functions->is_array()) return {};
  for (const json::value& function : functions->get_array()) {
    const json::value* const name = function.find_pointer("/name", error);
    if (name == nullptr || !name->is_string()) continue;
    const json::string& text = name->get_string();
    if (std::string_view(text.data(), text.size()).ends_with("weather")) return std::string(text);
  }
  return {};
}

std::string ToolToCall(std::string_view body) {
  if (body.find("\"tools\"") == std::string_view::npos) return {};
  if (body.find("tool_call_id") != std::string_view::npos) return {};
  return CallOf(Parse(body), "/tools/0/function/name");
}

}  // namespace keypool::fake
