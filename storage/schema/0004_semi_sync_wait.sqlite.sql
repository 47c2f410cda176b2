-- How many sessions of a semi-sync master waited for an acknowledgement when it was probed.

CREATE TABLE IF NOT EXISTS orch_semi_sync_wait (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  checked_at timestamp NOT NULL DEFAULT '',
  waiting_sessions int NOT NULL DEFAULT 0,
  PRIMARY KEY (hostname, port)
);
CREATE INDEX IF NOT EXISTS checked_at_idx_orch_semi_sync_wait
  ON orch_semi_sync_wait (checked_at);
