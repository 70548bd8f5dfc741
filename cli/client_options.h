// What the user asks of `poolctl client`.
#pragma once

#include <string>

#include "cli/options.h"
#include "keyd/base/settings.h"

namespace keypool::cli {

// As typed.
struct ClientTexts {
  std::string action, name;
  std::string rpm, rpd, tpd, models, expires, weight, overlap;
};

// Adds the command. Both must outlive Parse, which fills `*options` when every text could be read.
void DeclareClient(Settings& settings, Options* options, ClientTexts* texts);

}  // namespace keypool::cli
