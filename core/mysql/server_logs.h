#pragma once

#include <memory>

#include "core/model/instance.h"
#include "core/mysql/sql_session.h"
#include "core/ports/event_logs.h"

namespace orch {

/// Opens the logs of the server at the other end of the session, to be read until the deadline.
/// `page_size` is BinlogEventsChunkSize. Errors: NotFound, for a server without such logs; those of
/// the server; Broken, for an answer that makes no sense.
Result<std::unique_ptr<EventLogs>> open_server_logs(std::unique_ptr<SqlSession> session,
                                                    const Instance& as_probed, BinlogType type,
                                                    std::int64_t page_size, SteadyPoint deadline);

}  // namespace orch
