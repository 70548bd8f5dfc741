// Whatever the target is: no credential parameter is left under a second decoder, nothing else is
// lost, and no plan asks keyd for what it refuses.
#include <string>
#include <vector>

#include "proxy/request_plan.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/query_oracle.h"

namespace keypool::proxy {
namespace {

// The target that must go out.
std::string Stripped(const std::string& target) {
  const std::size_t mark = target.find('?');
  if (mark == std::string::npos) return target;
  std::string query;
  bool first = true, removed = false;
  for (const std::string& parameter : Split(target.substr(mark + 1), '&')) {
    if (IsCredential(parameter)) {
      removed = true;
      continue;
    }
    if (!first) query += '&';
    query += parameter;
    first = false;
  }
  if (!removed) return target;
  return target.substr(0, mark) + (query.empty() ? "" : "?" + query);
}

void CheckRoute(const std::string& target, const Plan& plan) {
  const std::string path = target.substr(0, target.find('?'));
  const bool admin = path == "/admin" || path.starts_with("/admin/");
  if (plan.route == Route::kAdmin) FUZZ_CHECK(admin);
  if (plan.route == Route::kHealth) FUZZ_CHECK(path == "/health");
  if (!plan.problem.empty()) return;
  FUZZ_CHECK(admin == (plan.route == Route::kAdmin));
  const std::vector<std::string> segments = Split(PercentDecoded(path), '/');
  std::vector<std::string> named;
  for (const std::string& segment : segments) {
    FUZZ_CHECK(segment != "." && segment != "..");
    if (!segment.empty()) named.push_back(segment);
  }
  // What goes upstream is none of our own pages in any reading.
  if (plan.route == Route::kUpstream && path.starts_with("/") && !named.empty()) {
    FUZZ_CHECK(named[0] != "admin");
    FUZZ_CHECK(named[0] != "health" || named.size() > 1);
  }
}

}  // namespace

void Fuzz(std::string_view bytes) {
  for (const std::string_view method : {"POST", "GET"}) {
    RequestHead head;
    const std::string target = "/" + std::string(bytes);
    head.method = method;
    head.target = target;
    const Plan plan = MakePlan(head);
    FUZZ_CHECK(plan.target == Stripped(target));
    CheckRoute(target, plan);
    FUZZ_CHECK(plan.model.empty() || IsModelName(plan.model));
    if (!plan.problem.empty()) continue;
    FUZZ_CHECK(plan.kind != Kind::kMetered || !plan.model.empty());
    FUZZ_CHECK(plan.kind != Kind::kMetered || !plan.model_in_body);
  }
}

}  // namespace keypool::proxy
