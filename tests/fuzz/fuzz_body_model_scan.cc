// The scan says the same in any pieces; and on bodies that are sound JSON it finds what a whole
// reading of the document finds.
#include <boost/json.hpp>
#include <string>

#include "proxy/body_model_scan.h"
#include "proxy/request_plan.h"
#include "tests/fuzz/fuzz.h"

namespace keypool::proxy {
namespace {

std::string Scan(std::string_view body, std::size_t piece, bool* done) {
  BodyModelScan scan;
  for (std::size_t at = 0; at < body.size(); at += piece) scan.Feed(body.substr(at, piece));
  *done = scan.Done();
  return std::string(scan.Model());
}

// As boost::json reads it, where the last of several members counts too.
std::string Expected(const boost::json::value& document) {
  if (!document.is_object()) return {};
  const boost::json::value* const model = document.get_object().if_contains("model");
  if (model == nullptr || !model->is_string()) return {};
  const boost::json::string& text = model->get_string();
  std::string_view name(text.data(), text.size());
  if (name.starts_with("models/")) name.remove_prefix(7);
  return IsModelName(name) ? std::string(name) : std::string();
}

}  // namespace

void Fuzz(std::string_view bytes) {
  bool done = false;
  const std::string model = Scan(bytes, bytes.size() + 1, &done);
  FUZZ_CHECK(model.empty() || IsModelName(model));
  for (const std::size_t piece : {1u, 3u, 17u}) {
    bool done_in_pieces = false;
    FUZZ_CHECK(Scan(bytes, piece, &done_in_pieces) == model);
    FUZZ_CHECK(done_in_pieces == done);
  }
  boost::json::error_code error;
  const boost::json::value document =
      boost::json::parse(boost::json::string_view(bytes.data(), bytes.size()), error);
  if (error) return;
  FUZZ_CHECK(model == Expected(document));
  FUZZ_CHECK(done);
}

}  // namespace keypool::proxy
