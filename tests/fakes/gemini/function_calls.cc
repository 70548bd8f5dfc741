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
  if (body.find("functionResponse") != std::string_view::npos) return {};
  return CallOf(Parse(body), "/tools/0/functionDeclarations/0/name");
}

std::string ToolToCall(std::string_view body) {
  if (body.find("\"tools\"") == std::string_view::npos) return {};
  if (body.find("tool_call_id") != std::string_view::npos) return {};
  return CallOf(Parse(body), "/tools/0/function/name");
}

}  // namespace keypool::fake
