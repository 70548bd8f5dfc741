#include "keyd/wire/audit_wire.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>

#include "keyd/wire/errors.h"
#include "keyd/wire/text.h"
#include "keyd/wire/timestamp.h"

namespace keypool::wire {
namespace {

void Encode(const AuditRow& row, v1::AuditRecord* out) {
  const AuditRecord& record = row.record;
  out->set_number(record.number);
  if (!row.damage.empty()) return out->set_damage(ClipText(row.damage, kAuditTextBytesMax));
  EncodeTime(record.at, out->mutable_at());
  out->set_who(ClipText(record.entry.who, kAuditTextBytesMax));
  out->set_what(ClipText(record.entry.what, kAuditTextBytesMax));
  out->set_target(ClipText(record.entry.target, kAuditTextBytesMax));
  out->set_result(ClipText(record.result, kAuditTextBytesMax));
  out->set_chain(record.chain.data(), record.chain.size());
}

absl::StatusOr<AuditRow> Decode(const v1::AuditRecord& in) {
  AuditRow row;
  row.record.number = in.number();
  row.damage = in.damage();
  if (!row.damage.empty()) return row;
  if (in.chain().size() != row.record.chain.size()) return NotUnderstood("record.chain");
  row.record.at = DecodeTime(in.at());
  row.record.entry = {in.who(), in.what(), in.target()};
  row.record.result = in.result();
  std::copy(in.chain().begin(), in.chain().end(), row.record.chain.begin());
  return row;
}

}  // namespace

void Encode(const AuditQuery& query, v1::ListAuditRequest* out) {
  out->set_before(query.before);
  out->set_page_size(
      static_cast<std::uint32_t>(std::clamp<std::size_t>(query.rows_max, 1, kAuditRowsMax)));
}

absl::StatusOr<AuditQuery> Decode(const v1::ListAuditRequest& in) {
  if (in.page_size() > kAuditRowsMax) return Invalid("page_size", "1 to 1000, or 0 for 1000");
  AuditQuery query;
  query.before = in.before();
  if (in.page_size() > 0) query.rows_max = in.page_size();
  return query;
}

void Encode(const AuditPage& page, v1::ListAuditResponse* out) {
  for (const AuditRow& row : page.rows) Encode(row, out->add_records());
  if (page.more && !page.rows.empty()) out->set_next_before(page.rows.front().record.number);
}

absl::StatusOr<AuditPage> Decode(const v1::ListAuditResponse& in) {
  AuditPage page;
  for (const v1::AuditRecord& record : in.records()) {
    absl::StatusOr<AuditRow> row = Decode(record);
    if (!row.ok()) return row.status();
    page.rows.push_back(*std::move(row));
  }
  page.more = in.next_before() != 0;
  return page;
}

void Encode(const AuditVerdict& verdict, v1::VerifyAuditResponse* out) {
  out->set_records(verdict.records);
  out->set_first(verdict.first);
  if (!verdict.broken) return;
  out->mutable_broken()->set_number(verdict.broken->number);
  out->mutable_broken()->set_why(ClipText(verdict.broken->why, 2 * kAuditTextBytesMax));
}

absl::StatusOr<AuditVerdict> Decode(const v1::VerifyAuditResponse& in) {
  AuditVerdict verdict{in.records(), in.first()};
  if (in.has_broken()) verdict.broken = {in.broken().number(), in.broken().why()};
  return verdict;
}

}  // namespace keypool::wire
