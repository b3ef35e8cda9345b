#include "worker/rpc/coordinator_names.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace moa::worker {
namespace {

// Sorted, because name servers turn the order; each once; of one family.
std::vector<std::string> ToDial(std::vector<std::string> ips) {
  const auto is_v6 = [](const std::string& ip) { return absl::StrContains(ip, ':'); };
  if (!std::all_of(ips.begin(), ips.end(), is_v6)) std::erase_if(ips, is_v6);
  std::sort(ips.begin(), ips.end());
  ips.erase(std::unique(ips.begin(), ips.end()), ips.end());
  return ips;
}

}  // namespace

std::string CoordinatorAddress::ToString() const {
  return name.empty() ? address.ToString() : absl::StrCat(address.ToString(), " (", name, ")");
}

CoordinatorNames::CoordinatorNames(const std::vector<Address>& entries) {
  for (const Address& address : entries) {
    Entry entry{.address = address, .is_name = !IsIpAddress(address.host)};
    if (!entry.is_name) entry.ips = {address.host};
    entries_.push_back(std::move(entry));
  }
  std::stable_partition(entries_.begin(), entries_.end(),
                        [](const Entry& entry) { return !entry.is_name; });
}

std::vector<std::string> CoordinatorNames::hosts() const {
  std::vector<std::string> hosts;
  for (const Entry& entry : entries_) {
    const std::string& host = entry.address.host;
    if (!entry.is_name || std::find(hosts.begin(), hosts.end(), host) != hosts.end()) continue;
    hosts.push_back(host);
  }
  return hosts;
}

CoordinatorNames::News CoordinatorNames::Resolved(
    const std::string& host, const absl::StatusOr<std::vector<std::string>>& answer) {
  const bool lost = !answer.ok() || answer->empty();
  News news = News::kNone;
  for (Entry& entry : entries_) {
    if (!entry.is_name || entry.address.host != host) continue;
    if (std::exchange(entry.lost, lost) != lost) news = lost ? News::kLost : News::kBack;
    if (!lost) entry.ips = ToDial(*answer);
  }
  return news;
}

std::vector<CoordinatorAddress> CoordinatorNames::addresses() const {
  std::vector<CoordinatorAddress> all;
  for (const Entry& entry : entries_) {
    for (const std::string& ip : entry.ips) {
      if (all.size() >= kAddressesMax) return all;
      CoordinatorAddress one{.address = {ip, entry.address.port}};
      const auto is_same = [&](const CoordinatorAddress& other) {
        return other.address == one.address;
      };
      if (std::any_of(all.begin(), all.end(), is_same)) continue;
      if (entry.is_name) one.name = entry.address.ToString();
      all.push_back(std::move(one));
    }
  }
  return all;
}

}  // namespace moa::worker
