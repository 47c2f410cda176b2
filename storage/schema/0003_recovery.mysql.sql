-- What a recovery was asked, how far it is, and what it cannot read from the servers again.

CREATE TABLE IF NOT EXISTS orch_recovery_run (
  recovery_uid varchar(128) NOT NULL,
  kind varchar(64) NOT NULL,
  stage varchar(32) NOT NULL,
  command varchar(64) NOT NULL DEFAULT '',
  request text CHARACTER SET utf8,
  hostname varchar(128) NOT NULL,
  port smallint unsigned NOT NULL,
  term bigint unsigned NOT NULL DEFAULT 0,
  owner_hostname varchar(128) NOT NULL,
  owner_token varchar(128) NOT NULL,
  owner_process varchar(255) NOT NULL DEFAULT '',
  alive_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  designated_hostname varchar(128) NOT NULL DEFAULT '',
  designated_port smallint unsigned NOT NULL DEFAULT 0,
  winner_hostname varchar(128) NOT NULL DEFAULT '',
  winner_port smallint unsigned NOT NULL DEFAULT 0,
  promotion_coordinates text CHARACTER SET utf8,
  promotion_position mediumtext CHARACTER SET utf8,
  lost_transactions mediumtext CHARACTER SET utf8,
  facts mediumtext CHARACTER SET utf8,
  PRIMARY KEY (recovery_uid),
  KEY stage_idx_orch_recovery_run (stage)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;

-- Each step of a recovery: the intent is written before it, the outcome after it.

CREATE TABLE IF NOT EXISTS orch_recovery_journal (
  recovery_uid varchar(128) NOT NULL,
  sequence bigint unsigned NOT NULL,
  term bigint unsigned NOT NULL DEFAULT 0,
  owner_hostname varchar(128) NOT NULL,
  owner_token varchar(128) NOT NULL,
  hostname varchar(128) NOT NULL,
  port smallint unsigned NOT NULL,
  action text CHARACTER SET utf8 NOT NULL,
  why text CHARACTER SET utf8,
  changes_server tinyint unsigned NOT NULL DEFAULT 0,
  point_of_no_return tinyint unsigned NOT NULL DEFAULT 0,
  state varchar(16) NOT NULL,
  error text CHARACTER SET utf8,
  begun_at timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  ended_at timestamp NULL DEFAULT NULL,
  PRIMARY KEY (recovery_uid, sequence),
  KEY begun_at_idx_orch_recovery_journal (begun_at)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;

-- Servers that lost their place as a master and must not take writes until somebody says so.

CREATE TABLE IF NOT EXISTS orch_quarantine (
  quarantine_id bigint unsigned NOT NULL AUTO_INCREMENT,
  hostname varchar(128) NOT NULL,
  port smallint unsigned NOT NULL,
  server_uuid varchar(64) NOT NULL DEFAULT '',
  server_id bigint unsigned NOT NULL DEFAULT 0,
  cluster_alias varchar(128) NOT NULL DEFAULT '',
  successor_hostname varchar(128) NOT NULL DEFAULT '',
  successor_port smallint unsigned NOT NULL DEFAULT 0,
  recovery_uid varchar(128) NOT NULL DEFAULT '',
  reason text CHARACTER SET utf8,
  owner varchar(128) NOT NULL DEFAULT '',
  since timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  released_at timestamp NULL DEFAULT NULL,
  released_by varchar(128) NOT NULL DEFAULT '',
  release_reason text CHARACTER SET utf8,
  PRIMARY KEY (quarantine_id),
  KEY host_port_idx_orch_quarantine (hostname, port)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
