// What the user asks of `poolctl limits`.
#pragma once

#include <string>

#include "cli/options.h"
#include "keyd/base/settings.h"

namespace keypool::cli {

// As typed.
struct LimitsTexts {
  std::string action, file;
  std::string project, tier, model, project_tier, only;
  std::string rpm, rpd, tpm, tpd;
  bool together = false;
};

// Adds the command. Both must outlive Parse, which fills `*options` when every text could be read.
void DeclareLimits(Settings& settings, Options* options, LimitsTexts* texts);

}  // namespace keypool::cli
