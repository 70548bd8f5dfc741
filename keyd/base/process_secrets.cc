#include "keyd/base/process_secrets.h"

#include <openssl/crypto.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/base/config.h"

namespace keypool {

void RefuseDumps() {
#if !defined(ABSL_HAVE_ADDRESS_SANITIZER)
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0);
#endif
}

void Wipe(std::string* text) {
  OPENSSL_cleanse(text->data(), text->size());
  text->clear();
}

void WipeEnvironment(std::string_view name, Settings::Environment* copy) {
  const std::string variable(name);
  if (char* value = std::getenv(variable.c_str())) {
    OPENSSL_cleanse(value, std::strlen(value));
    unsetenv(variable.c_str());
  }
  const auto entry = copy->find(variable);
  if (entry == copy->end()) return;
  Wipe(&entry->second);
  copy->erase(entry);
}

}  // namespace keypool
