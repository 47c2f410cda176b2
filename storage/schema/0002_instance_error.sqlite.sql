-- Why the latest probe of a server failed, or what it could not read.

CREATE TABLE IF NOT EXISTS orch_instance_error (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  checked_at timestamp NOT NULL DEFAULT '',
  message text NOT NULL DEFAULT '',
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS checked_at_idx_orch_instance_error
  ON orch_instance_error (checked_at);
