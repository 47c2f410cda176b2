#include "core/mysql/connection.h"

namespace orch {

// Numbers: MySQL server error reference, MariaDB error codes, and the client library's errmsg.h.
ErrorKind kind_of_server_error(unsigned code) {
  switch (code) {
    case 1044:  // access denied to a schema
    case 1045:  // access denied
    case 1130:  // host may not connect
    case 1142:  // table privilege missing
    case 1143:  // column privilege missing
    case 1227:  // privilege missing for the operation
    case 1370:  // routine privilege missing
    case 1396:  // account operation failed
    case 1698:  // access denied without a password
    case 1820:  // password must be changed first
    case 1862:  // password expired
    case 3118:  // account locked
    case 3159:  // TLS is required
    case 3955:  // account blocked after too many failed logins
    case 4151:  // account locked (MariaDB)
      return ErrorKind::Denied;
    case 1040:  // too many connections
    case 1053:  // shutting down
    case 1129:  // host blocked
    case 1203:  // too many connections of the user
    case 1226:  // resource limit of the user
    case 1927:  // connection was killed (MariaDB)
    case 4031:  // disconnected for inactivity
      return ErrorKind::Unreachable;
    case 1049:  // no such schema
    case 1054:  // no such column
    case 1109:  // no such table in the query
    case 1146:  // no such table
    case 1193:  // no such variable
    case 1305:  // no such routine
      return ErrorKind::NotFound;
    case 1205:  // lock wait timeout
    case 1213:  // deadlock
      return ErrorKind::Conflict;
    case 2007:  // protocol version
    case 2012:  // bad handshake
    case 2014:  // commands out of sync
    case 2020:  // packet too large for us
    case 2026:  // TLS
    case 2027:  // malformed packet
    case 2058:  // authentication plugin
    case 2059:  // authentication plugin
    case 5010:  // authentication plugin that we do not allow
    case 2061:  // authentication plugin refused
      return ErrorKind::Broken;
    default:
      return code >= 2000 && code < 3000 ? ErrorKind::Unreachable : ErrorKind::Refused;
  }
}

}  // namespace orch
