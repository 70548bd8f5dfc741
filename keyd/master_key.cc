#include "keyd/master_key.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "keyd/base/process_secrets.h"
#include "keyd/base/status.h"

namespace keypool {
namespace {

using store::MasterKey;
using store::Sealer;

constexpr std::size_t kFileBytesMax = 64 * 1024;
constexpr char kOwnFile[] = "/master.key";
constexpr char kCredential[] = "/keyd-master-key";

absl::Status Refuse(std::string_view place, std::string_view why) {
  return absl::FailedPreconditionError(absl::StrCat(ToAbsl(place), ": ", ToAbsl(why)));
}

absl::StatusOr<std::vector<MasterKey>> Parse(std::string_view place, std::string_view text) {
  std::vector<MasterKey> keys;
  for (const absl::string_view part :
       absl::StrSplit(ToAbsl(text), absl::ByAnyChar(", \t\r\n"), absl::SkipEmpty())) {
    absl::StatusOr<MasterKey> key = MasterKey::Parse(ToStd(part));
    if (!key.ok()) return Refuse(place, ToStd(key.status().message()));
    keys.push_back(*std::move(key));
  }
  if (keys.empty()) return Refuse(place, "there is no master key in it");
  return keys;
}

absl::StatusOr<std::vector<MasterKey>> ReadFile(std::string_view place, const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return Refuse(place, std::generic_category().message(errno));
  std::string text(kFileBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  const auto size = static_cast<std::size_t>(in.gcount());
  absl::StatusOr<std::vector<MasterKey>> keys =
      in.eof() ? Parse(place, std::string_view(text.data(), size)) : Refuse(place, "is too large");
  Wipe(&text);
  return keys;
}

absl::Status WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0) return absl::UnavailableError(std::generic_category().message(errno));
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  if (fsync(fd) != 0) return absl::UnavailableError(std::generic_category().message(errno));
  return absl::OkStatus();
}

// All of it or what was there before, whatever happens.
absl::Status Replace(const std::string& path, const std::vector<SecretPtr>& keys) {
  const std::string next = path + ".new";
  const int fd = open(next.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (fd < 0) return Refuse(next, std::generic_category().message(errno));
  absl::Status status;
  for (const SecretPtr& key : keys) {
    if (status.ok()) status = WriteAll(fd, key->Reveal());
    if (status.ok()) status = WriteAll(fd, "\n");
  }
  close(fd);
  if (!status.ok()) return Annotate(status, next);
  if (rename(next.c_str(), path.c_str()) != 0) {
    return Refuse(path, std::generic_category().message(errno));
  }
  const std::string directory = std::filesystem::path(path).parent_path();
  const int entry = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (entry >= 0) {
    fsync(entry);
    close(entry);
  }
  return absl::OkStatus();
}

SecretPtr TextOf(const MasterKey& key) { return std::make_shared<const Secret>(key.ToText()); }

}  // namespace

bool HasMasterKeyCredential(const std::string& directory) {
  std::error_code ignored;
  return std::filesystem::exists(directory + kCredential, ignored);
}

MasterKeys::MasterKeys(MasterKeyPlaces places) : places_(std::move(places)) {}

bool MasterKeys::IsOurs() const {
  return places_.file.empty() && places_.text == nullptr && places_.credentials_directory.empty();
}

std::string MasterKeys::Place() const {
  if (!places_.file.empty()) return "MASTER_KEY_FILE: " + places_.file;
  if (places_.text != nullptr) return "MASTER_KEY";
  if (!IsOurs()) return places_.credentials_directory + kCredential;
  return places_.data_dir + kOwnFile;
}

absl::StatusOr<std::vector<MasterKey>> MasterKeys::Read() const {
  if (!places_.file.empty()) return ReadFile(Place(), places_.file);
  if (places_.text != nullptr) return Parse(Place(), places_.text->Reveal());
  return ReadFile(Place(), Place());
}

absl::StatusOr<std::shared_ptr<const Sealer>> MasterKeys::For(std::string_view master_key_id) {
  const MutexLock lock(&mutex_);
  std::error_code ignored;
  if (IsOurs() && !std::filesystem::exists(Place(), ignored)) {
    if (!master_key_id.empty()) {
      return Refuse(Place(),
                    "it is missing, and the secrets in the store are sealed with it; restore it "
                    "from a backup, name it by MASTER_KEY_FILE, or move keyd.db away to begin "
                    "with an empty pool");
    }
    KP_RETURN_IF_ERROR(Replace(Place(), {TextOf(MasterKey::Random())}));
  }
  absl::StatusOr<std::vector<MasterKey>> keys = Read();
  if (!keys.ok()) return keys.status();
  auto sealer = std::make_shared<const Sealer>(*std::move(keys));
  if (!master_key_id.empty() && !sealer->Knows(master_key_id)) {
    return Refuse(Place(),
                  "the secrets in the store are sealed with another master key; give that one, or "
                  "a new one followed by that one, which then takes its place");
  }
  present_id_ = sealer->id();
  return sealer;
}

absl::Status MasterKeys::Settle() {
  std::error_code ignored;
  if (!IsOurs() || !std::filesystem::exists(Place(), ignored)) return absl::OkStatus();
  const absl::StatusOr<std::vector<MasterKey>> keys = Read();
  if (!keys.ok()) return keys.status();
  if (keys->size() == 1) return absl::OkStatus();
  return Replace(Place(), {TextOf(keys->front())});
}

absl::StatusOr<RotatedMasterKey> MasterKeys::Rotate(store::Store* store) {
  const MutexLock lock(&mutex_);
  absl::StatusOr<std::vector<MasterKey>> keys = Read();
  if (!keys.ok()) return keys.status();
  if (IsOurs()) {
    // All of them, until everything is sealed with the new one.
    keys->insert(keys->begin(), MasterKey::Random());
    std::vector<SecretPtr> texts;
    for (const MasterKey& key : *keys) texts.push_back(TextOf(key));
    KP_RETURN_IF_ERROR(Replace(Place(), texts));
  } else if (keys->front().id() == present_id_) {
    return Refuse(Place(), places_.text != nullptr
                               ? "it cannot change while keyd runs; use MASTER_KEY_FILE, or start "
                                 "keyd with the new key in front: new,old"
                               : "the key that stands first is in use already; put a new one "
                                 "(openssl rand -hex 32) in a line before it");
  }
  const auto sealer = std::make_shared<const Sealer>(*std::move(keys));
  if (!sealer->Knows(present_id_)) {
    return Refuse(Place(),
                  "the present key must stay in it, after the new one, until this is done");
  }
  const absl::StatusOr<std::int64_t> secrets = store->Reseal(sealer);
  if (!secrets.ok()) return secrets.status();
  present_id_ = sealer->id();
  KP_RETURN_IF_ERROR(Settle());
  return RotatedMasterKey{*secrets, Place()};
}

}  // namespace keypool
