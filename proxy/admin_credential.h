// What a request shows to use /admin, and whether a page of another site may have sent it. Pure.
#pragma once

#include "keyd/base/secret.h"
#include "proxy/http_types.h"

namespace keypool::proxy {

struct AdminCredential {
  bool shown = false;         // something, whatever it is
  SecretPtr token = nullptr;  // if it has the form of an admin token
};
// Of the one Authorization field, behind "Bearer"; never of the query.
AdminCredential FindAdminCredential(const RequestHead& head);

// True unless `head` cannot come from a page of another site in a browser. Such a page cannot add a
// token either; this keeps it away from guessing, too.
bool MayBeFromAnotherSite(const RequestHead& head);

}  // namespace keypool::proxy
