#include "keyd/policy/admin_token_book.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"

namespace keypool::policy {
namespace {

absl::Status NoSuchToken(const std::string& name) {
  return absl::NotFoundError(
      absl::StrCat("there is no admin token ", name, "; `poolctl admin-token list` shows them"));
}

AdminTokenStatus Describe(const AdminTokenRecord& record, const Moment& m) {
  AdminTokenStatus status;
  status.name = record.name;
  status.expired = record.expires <= m.wall;
  status.added_at = record.added_at;
  status.expires = record.expires;
  status.tokens = DescribeTokens(record.tokens, m.wall);
  return status;
}

}  // namespace

void AdminTokenBook::Insert(AdminTokenRecord record) {
  auto kept = std::make_unique<AdminTokenRecord>(std::move(record));
  by_token_.Add(kept->tokens, kept.get());
  std::string name = kept->name;
  by_name_.insert_or_assign(std::move(name), std::move(kept));
}

absl::Status AdminTokenBook::Restore(AdminTokenRecord record) {
  if (by_name_.find(record.name) != by_name_.end() || by_token_.HasAnyOf(record.tokens)) {
    return absl::DataLossError(absl::StrCat("the stored record of admin token ", record.name,
                                            " or its token is there twice"));
  }
  Insert(std::move(record));
  return absl::OkStatus();
}

std::optional<std::string> AdminTokenBook::NameOf(const TokenDigest& digest, absl::Time now) const {
  const AdminTokenRecord* record = by_token_.Find(digest, now);
  if (record == nullptr || record->expires <= now) return std::nullopt;
  return record->name;
}

absl::StatusOr<AdminTokenStatus> AdminTokenBook::Apply(const AdminTokenCommand& command,
                                                       const Moment& m, Mutations* mutations) {
  return std::visit([&](const auto& c) { return Do(c, m, mutations); }, command);
}

absl::StatusOr<AdminTokenStatus> AdminTokenBook::Do(const AddAdminTokenCommand& command,
                                                    const Moment& m, Mutations* mutations) {
  if (by_name_.find(command.name) != by_name_.end()) {
    return absl::AlreadyExistsError(absl::StrCat(
        "there is an admin token ", command.name, " already; `poolctl admin-token rotate ",
        command.name, "` makes it anew, and `revoke` ends it"));
  }
  if (by_name_.size() >= max_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("there are as many admin tokens as may be (", max_,
                     "); end those that nobody needs with `poolctl admin-token revoke`"));
  }
  AdminTokenRecord record;
  record.name = command.name;
  record.added_at = m.wall;
  record.expires = m.wall + command.expires_in;
  record.tokens = {{.digest = command.token, .made_at = m.wall}};
  Insert(record);
  mutations->push_back(record);
  return Describe(record, m);
}

absl::StatusOr<AdminTokenStatus> AdminTokenBook::Do(const RotateAdminTokenCommand& command,
                                                    const Moment& m, Mutations* mutations) {
  const auto found = by_name_.find(command.name);
  if (found == by_name_.end()) return NoSuchToken(command.name);
  AdminTokenRecord& record = *found->second;
  if (record.expires <= m.wall && !command.expires_in) {
    return absl::FailedPreconditionError(
        absl::StrCat("admin token ", command.name,
                     " has expired; say with --expires until when the new one is to be good"));
  }
  by_token_.Remove(record.tokens);
  // One that has expired does not come back beside the new one.
  const absl::Duration overlap = record.expires <= m.wall ? absl::ZeroDuration() : command.overlap;
  record.tokens = Rotated(record.tokens, command.token, overlap, m.wall);
  if (record.tokens.size() > 1 && record.expires < record.tokens.back().valid_until) {
    record.tokens.back().valid_until = record.expires;
  }
  if (command.expires_in) record.expires = m.wall + *command.expires_in;
  by_token_.Add(record.tokens, &record);
  mutations->push_back(record);
  return Describe(record, m);
}

absl::StatusOr<AdminTokenStatus> AdminTokenBook::Do(const RevokeAdminTokenCommand& command,
                                                    const Moment& m, Mutations* mutations) {
  const auto found = by_name_.find(command.name);
  if (found == by_name_.end()) return NoSuchToken(command.name);
  AdminTokenStatus was = Describe(*found->second, m);
  was.tokens.clear();
  by_token_.Remove(found->second->tokens);
  by_name_.erase(found);
  mutations->push_back(DeleteAdminToken{command.name});
  return was;
}

std::vector<AdminTokenStatus> AdminTokenBook::List(const Moment& m) const {
  std::vector<AdminTokenStatus> all;
  for (const auto& [name, record] : by_name_) all.push_back(Describe(*record, m));
  return all;
}

}  // namespace keypool::policy
