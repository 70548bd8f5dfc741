// Which function a model would call: the first one that it is told of, until it is told a result.
#pragma once

#include <string>
#include <string_view>

namespace keypool::fake {

// Of a body of generateContent; empty: none.
std::string FunctionToCall(std::string_view body);
// Of a body of chat/completions.
std::string ToolToCall(std::string_view body);

}  // namespace keypool::fake
