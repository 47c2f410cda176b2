#include "core/model/binlog_event.h"

namespace orch {

void unpack_payloads(std::vector<BinlogEvent>& events, bool is_cut) {
  std::size_t payload = events.size();
  for (std::size_t i = 0; i < events.size(); ++i) {
    BinlogEvent& event = events[i];
    const bool is_held = payload < i && event.end_pos == events[payload].end_pos;
    if (is_held) {
      event.place.log_pos = events[payload].place.log_pos;
      event.packed = true;
    } else {
      payload = event.type == "Transaction_payload" ? i : events.size();
    }
  }
  if (is_cut && payload < events.size()) {
    events.erase(events.begin() + static_cast<std::ptrdiff_t>(payload), events.end());
  }
}

}  // namespace orch
