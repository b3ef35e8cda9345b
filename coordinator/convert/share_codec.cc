#include "coordinator/convert/share_codec.h"

#include <algorithm>

#include "moa/v1/replica.pb.h"

namespace moa {
namespace {

template <typename Set>
void SetIfKnown(const std::optional<uint64_t>& value, const Set& set) {
  if (value) set(*value);
}

}  // namespace

StoredShare EncodeShare(const QuotaShareRow& row) {
  v1::QuotaShare proto;
  proto.set_share_ppm(row.share_ppm);
  proto.set_need_ppm(row.need_ppm);
  proto.set_waits(row.waits);
  proto.set_wants_whole(row.wants_whole);
  proto.set_turn(row.turn);
  proto.set_holds(row.holds);
  if (row.turn_ends != absl::InfiniteFuture()) {
    proto.set_turn_ends_us(absl::ToUnixMicros(row.turn_ends));
  }
  for (size_t i = 0; i < kQuotaPeriods; ++i) {
    v1::QuotaShare::Limits& limits = *proto.add_limits();
    SetIfKnown(row.limits.requests[i], [&](uint64_t value) { limits.set_requests(value); });
    SetIfKnown(row.limits.tokens[i], [&](uint64_t value) { limits.set_tokens(value); });
    SetIfKnown(row.limits.total_tokens[i], [&](uint64_t value) { limits.set_total_tokens(value); });
  }
  return {.member = row.member,
          .quota_key = row.of.key,
          .model = row.of.model,
          .share = Text(proto.SerializeAsString())};
}

absl::StatusOr<QuotaShareRow> DecodeShare(const StoredShare& stored) {
  v1::QuotaShare proto;
  const absl::string_view bytes = stored.share.view();
  if (!proto.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::DataLossError("what is stored of a quota's share cannot be read");
  }
  QuotaShareRow row{.member = stored.member,
                    .of = {.key = stored.quota_key, .model = stored.model},
                    .share_ppm = proto.share_ppm(),
                    .need_ppm = proto.need_ppm(),
                    .waits = proto.waits(),
                    .wants_whole = proto.wants_whole(),
                    .turn = proto.turn(),
                    .holds = proto.holds()};
  if (proto.has_turn_ends_us()) row.turn_ends = absl::FromUnixMicros(proto.turn_ends_us());
  const size_t periods = std::min(kQuotaPeriods, static_cast<size_t>(proto.limits_size()));
  for (size_t i = 0; i < periods; ++i) {
    const v1::QuotaShare::Limits& limits = proto.limits(static_cast<int>(i));
    if (limits.has_requests()) row.limits.requests[i] = limits.requests();
    if (limits.has_tokens()) row.limits.tokens[i] = limits.tokens();
    if (limits.has_total_tokens()) row.limits.total_tokens[i] = limits.total_tokens();
  }
  return row;
}

}  // namespace moa
