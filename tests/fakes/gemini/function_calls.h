// Which function a model would call: "weather", until it is told a result. Programs that bring
// functions of their own get plain answers.
#pragma once

#include <string>
#include <string_view>

namespace keypool::fake {

// Of a body of generateContent, where its name only has to end so; empty: none.
std::string FunctionToCall(std::string_view body);
// Of a body of chat/completions, where it has to be the first.
std::string ToolToCall(std::string_view body);

}  // namespace keypool::fake
