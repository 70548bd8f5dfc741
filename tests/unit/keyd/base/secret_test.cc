#include "keyd/base/secret.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace keypool {
namespace {

template <class T>
concept Printable = requires(std::ostream& out, const T& value) {
  out << value;
};

TEST(Secret, CannotBePrintedOrCopied) {
  static_assert(!Printable<Secret>);
  static_assert(!std::is_copy_constructible_v<Secret>);
  static_assert(!std::is_convertible_v<Secret, std::string_view>);
}

TEST(Secret, MaskShowsFourBytesOfEachEndOfALongSecretOnly) {
  EXPECT_EQ(Secret("AIzaSyExampleExamplewxyz").Masked(), "AIza\u2026wxyz");
  EXPECT_EQ(Secret("short").Masked(), "\u2026");
  EXPECT_EQ(Secret("fifteen-bytes-x").Masked(), "\u2026");
}

TEST(Secret, ComparesByContent) {
  EXPECT_EQ(Secret("a-secret"), Secret("a-secret"));
  EXPECT_FALSE(Secret("a-secret") == Secret("a-secreT"));
  EXPECT_FALSE(Secret("a-secret") == Secret("a-secret-longer"));
}

}  // namespace
}  // namespace keypool
