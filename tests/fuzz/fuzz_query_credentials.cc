// Whatever the query is: no credential is left in it under a second decoder, everything else stays
// as it is and in its order, and doing it again changes nothing.
#include <string>
#include <vector>

#include "proxy/target.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/query_oracle.h"

namespace keypool::proxy {
namespace {

bool IsEphemeral(const std::string& parameter) {
  const std::size_t equals = parameter.find('=');
  if (equals == std::string::npos) return false;
  const std::string name = PercentDecoded(parameter.substr(0, equals));
  return (name == "access_token" || name == "$access_token") &&
         PercentDecoded(parameter.substr(equals + 1)).starts_with("auth_tokens/");
}

std::string Expected(std::string_view query, bool keep_ephemeral) {
  std::string kept;
  bool first = true;
  for (const std::string& parameter : Split(query, '&')) {
    if (IsCredential(parameter) && !(keep_ephemeral && IsEphemeral(parameter))) continue;
    if (!first) kept += '&';
    kept += parameter;
    first = false;
  }
  return kept;
}

}  // namespace

void Fuzz(std::string_view bytes) {
  bool credentials = false, ephemeral = false;
  for (const std::string& parameter : Split(bytes, '&')) {
    credentials |= IsCredential(parameter);
    ephemeral |= IsEphemeral(parameter);
  }
  const QueryFacts facts = ReadQuery(bytes);
  FUZZ_CHECK(facts.credentials == credentials);
  FUZZ_CHECK(facts.ephemeral_token == ephemeral);

  for (const bool keep_ephemeral : {false, true}) {
    const std::string kept = WithoutCredentials(bytes, keep_ephemeral);
    FUZZ_CHECK(kept == Expected(bytes, keep_ephemeral));
    FUZZ_CHECK(WithoutCredentials(kept, keep_ephemeral) == kept);
  }
  FUZZ_CHECK(!ReadQuery(WithoutCredentials(bytes)).credentials);
  const std::string value = QueryValue(bytes, "upload_id");
  FUZZ_CHECK(value.size() <= bytes.size());
  FUZZ_CHECK(value.empty() || QueryValue(WithoutCredentials(bytes), "upload_id") == value);
}

}  // namespace keypool::proxy
