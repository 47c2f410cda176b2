-- How far this node has carried out what the nodes of a raft group agreed on. `pairing` is also kept
-- beside the log: a database and a log that do not belong together are noticed.

CREATE TABLE IF NOT EXISTS orch_raft_state (
  anchor tinyint NOT NULL,
  applied_index bigint NOT NULL,
  changed_index bigint NOT NULL,
  pairing varchar(128) NOT NULL DEFAULT '',
  PRIMARY KEY (anchor)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;

-- Where a node that led the group answers the HTTP API.

CREATE TABLE IF NOT EXISTS orch_raft_node (
  address varchar(255) NOT NULL,
  url varchar(512) NOT NULL,
  PRIMARY KEY (address)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
