// The flags of `poolctl audit`.
#pragma once

#include <string>

#include "cli/options.h"
#include "keyd/base/settings.h"

namespace keypool::cli {

// What is typed, until it is read.
struct AuditTexts {
  std::string limit, before;
};

// Everything must outlive the parsing.
void DeclareAudit(Settings& settings, Options* options, AuditTexts* texts);

}  // namespace keypool::cli
