// What is looked for in a request body while it is read.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/body_model_scan.h"
#include "proxy/resource_scan.h"
#include "proxy/text_bytes_scan.h"

namespace keypool::proxy {

// Each may be left out; see there.
struct BodyScan {
  std::optional<BodyModelScan> model;
  std::optional<TextBytesScan> text;
  std::optional<ResourceScan> resources;

  void Feed(std::string_view piece) {
    if (model.has_value() && !model->Done()) model->Feed(piece);
    if (text.has_value()) text->Feed(piece);
    if (resources.has_value()) resources->Feed(piece);
  }
};

}  // namespace keypool::proxy
