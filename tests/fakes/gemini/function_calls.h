// Which function a model would call: "weather" when it is the first that it is told of, until it is
// told a result. Programs that bring functions of their own get plain answers.
#pragma once

#include <string>
#include <string_view>

namespace keypool::fake {

// Of a body of generateContent; empty: none.
std::string FunctionToCall(std::string_view body);
// Of a body of chat/completions.
std::string ToolToCall(std::string_view body);

}  // namespace keypool::fake
