// The two ways in which a message can be wrong. Private to this room.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"

namespace keypool::wire {

// INVALID_ARGUMENT, naming the field: a peer asked for what is not allowed.
inline absl::Status Invalid(std::string_view field, std::string_view rule) {
  return absl::InvalidArgumentError(absl::StrCat(ToAbsl(field), ": ", ToAbsl(rule)));
}

// INTERNAL, naming the field: keyd said something that this version does not understand.
inline absl::Status NotUnderstood(std::string_view field) {
  return absl::InternalError(
      absl::StrCat("keyd's answer is not understood: ", ToAbsl(field),
                   "; keyd and this program are of versions that do not fit"));
}

}  // namespace keypool::wire
