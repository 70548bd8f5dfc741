#include "cli/usage_json.h"

#include <boost/json.hpp>
#include <utility>

namespace keypool::cli {
namespace {

namespace json = boost::json;

void Append(const UsageCounts& counts, json::object* to) {
  to->emplace("requests", counts.requests);
  to->emplace("limited", counts.limited);
  to->emplace("errors", counts.errors);
  to->emplace("input_tokens", counts.input_tokens);
  to->emplace("cached_tokens", counts.cached_tokens);
  to->emplace("output_tokens", counts.output_tokens);
  to->emplace("thought_tokens", counts.thought_tokens);
}

json::object Row(const UsageRow& row) {
  json::object object = {{"name", row.place.name},
                         {"pacific_date", DateOf(row)},
                         {"start", UtcText(row.start)},
                         {"end", UtcText(row.end)}};
  Append(row.counts, &object);
  return object;
}

}  // namespace

std::string UsageJson(const UsageView& view, const std::vector<UsageRow>& rows) {
  json::array shown;
  for (const UsageRow& row : rows) shown.push_back(Row(row));
  json::object total;
  Append(TotalOf(rows), &total);
  return json::serialize(json::object{{"by", NameOf(view.by)},
                                      {"days", view.days},
                                      {"total", std::move(total)},
                                      {"rows", std::move(shown)}});
}

}  // namespace keypool::cli
