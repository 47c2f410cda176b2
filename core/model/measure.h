#pragma once

namespace orch {

/// By what it is told how far a server is, where several are compared: see core/plan/measure.h.
enum class Measure { AsItFollows, Gtid, SourceLog, OwnLog, Nothing };

}  // namespace orch
