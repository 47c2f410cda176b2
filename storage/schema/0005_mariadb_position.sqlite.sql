-- How far a MariaDB server was by its GTIDs when it was last read: what a dead one had.

CREATE TABLE IF NOT EXISTS orch_mariadb_position (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  checked_at timestamp NOT NULL DEFAULT '',
  slave_pos text NOT NULL DEFAULT '',
  binlog_state text NOT NULL DEFAULT '',
  PRIMARY KEY (hostname, port)
);
