-- How many sources a server replicates from, where there are several: nobody may think that a
-- failover can use it.

CREATE TABLE IF NOT EXISTS orch_sources (
  hostname varchar(128) NOT NULL,
  port smallint NOT NULL,
  checked_at timestamp NOT NULL DEFAULT '',
  sources int NOT NULL DEFAULT 0,
  PRIMARY KEY (hostname, port)
);
