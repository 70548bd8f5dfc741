// Keys from the settings: GEMINI_API_KEYS and GEMINI_API_KEYS_FILE.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "keyd/base/ids.h"
#include "keyd/base/secret.h"
#include "keyd/engine/engine.h"

namespace keypool {

struct ImportedKey {
  SecretPtr secret;
  std::optional<ProjectId> project;
  std::string where;  // "GEMINI_API_KEYS entry 3", "GEMINI_API_KEYS_FILE line 7 entry 1"
};

struct ImportList {
  std::vector<ImportedKey> keys;   // without duplicates, in order
  std::vector<std::string> notes;  // empty and repeated entries, with their positions
};

// Reads `key` and `key@project`, separated by commas or lines; '#' begins a comment that ends with
// the line. Both texts share one list, so that a key may be in both. A secret is never part of a
// note or an error. Errors: INVALID_ARGUMENT (every malformed entry, a line each, with its
// position).
absl::StatusOr<ImportList> ParseKeys(std::string_view setting, std::string_view file);

// The text of GEMINI_API_KEYS_FILE; "" for no path. Adds to `notes` what is odd about it. Errors:
// FAILED_PRECONDITION (the setting and the path are named).
absl::StatusOr<std::string> ReadKeysFile(const std::string& path, std::vector<std::string>* notes);

// Adds what the pool does not have. A key that is there is left as it is, and a key that an
// operator removed stays removed. Logs what was done. Blocks. Errors: of the engine, with the
// position.
absl::Status Import(const ImportList& list, engine::Engine* engine);

}  // namespace keypool
