#include "keyd/store/sealer.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/sha.h>

#include <array>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/assert.h"
#include "keyd/base/status.h"

namespace keypool::store {
namespace {

constexpr std::size_t kIdBytes = 8, kNonceBytes = 12, kTagBytes = 16;
constexpr std::size_t kAround = kIdBytes + kNonceBytes + kTagBytes;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const unsigned char* In(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* Out(char* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

std::string IdOf(std::string_view key) {
  const std::string hashed = absl::StrCat("keypool master key id", ToAbsl(key));
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest;
  SHA256(In(hashed), hashed.size(), digest.data());
  return {reinterpret_cast<const char*>(digest.data()), kIdBytes};
}

void FillRandom(char* out, std::size_t size) {
  // Without randomness nothing can be sealed: there is no way on.
  KP_ASSERT(RAND_bytes(Out(out), static_cast<int>(size)) == 1);
}

enum class Direction { kSeal, kOpen };

// A cipher that knows key, nonce and what the secret is bound to.
Cipher Start(Direction direction, const MasterKey& key, std::string_view nonce,
             std::string_view row) {
  Cipher cipher(EVP_CIPHER_CTX_new());
  KP_ASSERT(cipher != nullptr);
  int size = 0;
  KP_ASSERT(EVP_CipherInit_ex(cipher.get(), EVP_aes_256_gcm(), nullptr, In(key.bytes()), In(nonce),
                              direction == Direction::kSeal ? 1 : 0) == 1);
  KP_ASSERT(EVP_CipherUpdate(cipher.get(), nullptr, &size, In(row), static_cast<int>(row.size())) ==
            1);
  return cipher;
}

absl::Status Damaged() {
  return absl::DataLossError("the secret was changed, or belongs to another row");
}

}  // namespace

MasterKey::MasterKey(Secret bytes) : bytes_(std::move(bytes)), id_(IdOf(bytes_.Reveal())) {}

MasterKey MasterKey::Random() {
  std::string bytes(kBytes, '\0');
  FillRandom(bytes.data(), bytes.size());
  MasterKey key{Secret(bytes)};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

absl::StatusOr<MasterKey> MasterKey::Parse(std::string_view text) {
  bool digits = text.size() == 2 * kBytes;
  for (const char c : text) digits &= absl::ascii_isxdigit(static_cast<unsigned char>(c)) != 0;
  if (!digits) {
    return absl::InvalidArgumentError(
        "a master key is 64 hexadecimal digits; make one with `openssl rand -hex 32`");
  }
  std::string bytes = absl::HexStringToBytes(ToAbsl(text));
  MasterKey key{Secret(bytes)};
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return key;
}

Secret MasterKey::ToText() const {
  std::string text = absl::BytesToHexString(ToAbsl(bytes()));
  Secret secret(text);
  OPENSSL_cleanse(text.data(), text.size());
  return secret;
}

Sealer::Sealer(std::vector<MasterKey> keys) : keys_(std::move(keys)) { KP_ASSERT(!keys_.empty()); }

const MasterKey* Sealer::Find(std::string_view key_id) const {
  for (const MasterKey& key : keys_) {
    if (key.id() == key_id) return &key;
  }
  return nullptr;
}

std::string Sealer::Seal(std::string_view secret, std::string_view row) const {
  const MasterKey& key = keys_.front();
  std::string sealed = key.id();
  sealed.resize(kAround + secret.size());
  FillRandom(sealed.data() + kIdBytes, kNonceBytes);
  const std::string_view nonce(sealed.data() + kIdBytes, kNonceBytes);
  const Cipher cipher = Start(Direction::kSeal, key, nonce, row);
  char* out = sealed.data() + kIdBytes + kNonceBytes;
  int size = 0;
  KP_ASSERT(EVP_CipherUpdate(cipher.get(), Out(out), &size, In(secret),
                             static_cast<int>(secret.size())) == 1);
  KP_ASSERT(EVP_CipherFinal_ex(cipher.get(), Out(out), &size) == 1);
  KP_ASSERT(
      EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_GET_TAG, kTagBytes, out + secret.size()) == 1);
  return sealed;
}

absl::StatusOr<Secret> Sealer::Open(std::string_view sealed, std::string_view row) const {
  if (sealed.size() < kAround) return Damaged();
  const MasterKey* key = Find(sealed.substr(0, kIdBytes));
  if (key == nullptr) return absl::DataLossError("the secret is sealed with another master key");
  const std::string_view nonce = sealed.substr(kIdBytes, kNonceBytes);
  const std::string_view hidden = sealed.substr(kIdBytes + kNonceBytes, sealed.size() - kAround);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  const Cipher cipher = Start(Direction::kOpen, *key, nonce, row);
  std::string open(hidden.size(), '\0');
  int size = 0;
  KP_ASSERT(EVP_CipherUpdate(cipher.get(), Out(open.data()), &size, In(hidden),
                             static_cast<int>(hidden.size())) == 1);
  KP_ASSERT(EVP_CIPHER_CTX_ctrl(cipher.get(), EVP_CTRL_GCM_SET_TAG, kTagBytes, tag.data()) == 1);
  const bool genuine = EVP_CipherFinal_ex(cipher.get(), Out(open.data()), &size) == 1;
  Secret secret(genuine ? open : std::string());
  OPENSSL_cleanse(open.data(), open.size());
  if (!genuine) return Damaged();
  return secret;
}

}  // namespace keypool::store
