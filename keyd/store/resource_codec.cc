#include "keyd/store/resource_codec.h"

#include <cstdint>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "keyd/base/status.h"
#include "keyd/store/codec.h"
#include "keyd/store/record_fields.h"

namespace keypool::store {
namespace {

using policy::ResourceRecord;

// Tags are part of the format: never renumber, never reuse.
enum : std::uint8_t {
  kName = 1,
  kProject = 2,
  kExpires = 3,
  kRequired = kExpires,
  kClient = 4,  // when it is somebody's
  kLastKnown = kClient,
};

bool Put(const Field& field, ResourceRecord* record) {
  switch (field.tag) {
    case kName:
      record->name = field.value;
      return true;
    case kProject:
      record->project = ProjectId{std::string(field.value)};
      return true;
    case kExpires: {
      const std::optional<absl::Time> time = WholeTime(field.value);
      if (time) record->expires = *time;
      return time.has_value();
    }
    case kClient:
      record->client = field.value;
      return true;
  }
  return false;  // tag 0
}

}  // namespace

void EncodeResource(const ResourceRecord& record, std::string* out) {
  FieldWriter fields(kRecordVersion, out);
  fields.Bytes(kName, record.name);
  fields.Bytes(kProject, record.project.value());
  fields.Time(kExpires, record.expires);
  if (!record.client.empty()) fields.Bytes(kClient, record.client);
  fields.Finish();
}

absl::StatusOr<ResourceRecord> DecodeResource(std::string_view row, std::string_view bytes) {
  ResourceRecord record;
  absl::Status status = ReadFields(bytes, kRecordVersion, kRequired, kLastKnown,
                                   [&record](const Field& field) { return Put(field, &record); });
  if (status.ok() && record.name != row) {
    status = absl::DataLossError("the record belongs to another row");
  }
  if (status.ok()) return record;
  return Annotate(status, absl::StrCat("table resources, row ", absl::CHexEscape(ToAbsl(row))));
}

}  // namespace keypool::store
