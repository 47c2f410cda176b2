-- Why the latest probe of a server failed, or what it could not read.

CREATE TABLE IF NOT EXISTS orch_instance_error (
  hostname varchar(128) NOT NULL,
  port smallint unsigned NOT NULL,
  checked_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  message text CHARACTER SET utf8 NOT NULL,
  PRIMARY KEY (hostname, port),
  KEY checked_at_idx_orch_instance_error (checked_at)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
