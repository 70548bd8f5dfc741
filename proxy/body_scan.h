// What is looked for in a request body while it is read.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/body_model_scan.h"
#include "proxy/text_bytes_scan.h"

namespace keypool::proxy {

// Either may be left out; see there.
struct BodyScan {
  std::optional<BodyModelScan> model;
  std::optional<TextBytesScan> text;

  void Feed(std::string_view piece) {
    if (model.has_value() && !model->Done()) model->Feed(piece);
    if (text.has_value()) text->Feed(piece);
  }
};

}  // namespace keypool::proxy
