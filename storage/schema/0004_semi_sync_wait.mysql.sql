-- How many sessions of a semi-sync master waited for an acknowledgement when it was probed.

CREATE TABLE IF NOT EXISTS orch_semi_sync_wait (
  hostname varchar(128) NOT NULL,
  port smallint unsigned NOT NULL,
  checked_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  waiting_sessions int unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (hostname, port),
  KEY checked_at_idx_orch_semi_sync_wait (checked_at)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
