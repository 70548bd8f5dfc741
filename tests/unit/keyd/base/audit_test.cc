#include "keyd/base/audit.h"

#include <gtest/gtest.h>

namespace keypool {
namespace {

TEST(Audit, ResultIsOkOrTheCodeAndTheMessage) {
  EXPECT_EQ(AuditResultOf(absl::OkStatus()), "ok");
  EXPECT_EQ(AuditResultOf(absl::NotFoundError("there is no key_9")),
            "NOT_FOUND: there is no key_9");
}

}  // namespace
}  // namespace keypool
