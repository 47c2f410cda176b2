-- Who leads, and the epoch, which grows with every change of holder. Times are unix milliseconds of
-- the database's clock.

CREATE TABLE IF NOT EXISTS orch_lease (
  anchor tinyint unsigned NOT NULL,
  epoch bigint unsigned NOT NULL,
  hostname varchar(128) NOT NULL,
  token varchar(128) NOT NULL,
  since_ms bigint NOT NULL,
  renewed_ms bigint NOT NULL,
  duration_ms bigint NOT NULL,
  PRIMARY KEY (anchor)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
