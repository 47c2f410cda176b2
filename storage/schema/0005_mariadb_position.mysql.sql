-- How far a MariaDB server was by its GTIDs when it was last read: what a dead one had.

CREATE TABLE IF NOT EXISTS orch_mariadb_position (
  hostname varchar(128) NOT NULL,
  port smallint unsigned NOT NULL,
  checked_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  slave_pos mediumtext NOT NULL,
  binlog_state mediumtext NOT NULL,
  PRIMARY KEY (hostname, port)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
