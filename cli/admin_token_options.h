// What the user asks of `poolctl admin-token`.
#pragma once

#include <string>

#include "cli/options.h"
#include "keyd/base/settings.h"

namespace keypool::cli {

// As typed.
struct AdminTokenTexts {
  std::string action, name;
  std::string expires, overlap;
};

// Adds the command. Both must outlive Parse, which fills `*options` when every text could be read.
void DeclareAdminToken(Settings& settings, Options* options, AdminTokenTexts* texts);

}  // namespace keypool::cli
