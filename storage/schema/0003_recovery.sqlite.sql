-- What a recovery was asked, how far it is, and what it cannot read from the servers again.

CREATE TABLE IF NOT EXISTS orch_recovery_run (
  recovery_uid varchar(128) NOT NULL,
  kind varchar(64) NOT NULL,
  stage varchar(32) NOT NULL,
  command varchar(64) NOT NULL DEFAULT '',
  request text NOT NULL DEFAULT '',
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  term bigint NOT NULL DEFAULT 0,
  owner_hostname varchar(128) NOT NULL,
  owner_token varchar(128) NOT NULL,
  owner_process varchar(255) NOT NULL DEFAULT '',
  alive_at timestamp NOT NULL DEFAULT '',
  designated_hostname varchar(128) NOT NULL DEFAULT '',
  designated_port smallint NOT NULL DEFAULT 0,
  winner_hostname varchar(128) NOT NULL DEFAULT '',
  winner_port smallint NOT NULL DEFAULT 0,
  promotion_coordinates text NOT NULL DEFAULT '',
  promotion_position text NOT NULL DEFAULT '',
  lost_transactions text NOT NULL DEFAULT '',
  facts text NOT NULL DEFAULT '',
  PRIMARY KEY (recovery_uid)
);
CREATE INDEX IF NOT EXISTS stage_idx_orch_recovery_run
  ON orch_recovery_run (stage);

-- Each step of a recovery: the intent is written before it, the outcome after it.

CREATE TABLE IF NOT EXISTS orch_recovery_journal (
  recovery_uid varchar(128) NOT NULL,
  sequence bigint NOT NULL,
  term bigint NOT NULL DEFAULT 0,
  owner_hostname varchar(128) NOT NULL,
  owner_token varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  action text NOT NULL,
  why text NOT NULL DEFAULT '',
  changes_server tinyint NOT NULL DEFAULT 0,
  point_of_no_return tinyint NOT NULL DEFAULT 0,
  state varchar(16) NOT NULL,
  error text NOT NULL DEFAULT '',
  begun_at timestamp NOT NULL DEFAULT '',
  ended_at timestamp NULL DEFAULT NULL,
  PRIMARY KEY (recovery_uid, sequence)
);
CREATE INDEX IF NOT EXISTS begun_at_idx_orch_recovery_journal
  ON orch_recovery_journal (begun_at);

-- Servers that lost their place as a master and must not take writes until somebody says so.

CREATE TABLE IF NOT EXISTS orch_quarantine (
  quarantine_id integer,
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  server_uuid varchar(64) NOT NULL DEFAULT '',
  server_id bigint NOT NULL DEFAULT 0,
  cluster_alias varchar(128) NOT NULL DEFAULT '',
  successor_hostname varchar(128) NOT NULL DEFAULT '',
  successor_port smallint NOT NULL DEFAULT 0,
  recovery_uid varchar(128) NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  owner varchar(128) NOT NULL DEFAULT '',
  since timestamp NOT NULL DEFAULT '',
  released_at timestamp NULL DEFAULT NULL,
  released_by varchar(128) NOT NULL DEFAULT '',
  release_reason text NOT NULL DEFAULT '',
  PRIMARY KEY (quarantine_id)
);
CREATE INDEX IF NOT EXISTS host_port_idx_orch_quarantine
  ON orch_quarantine (hostname, port);
