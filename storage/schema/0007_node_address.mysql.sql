-- Where the nodes that are in node_health answer the HTTP API.

CREATE TABLE IF NOT EXISTS orch_node_address (
  hostname varchar(128) NOT NULL,
  token varchar(128) NOT NULL,
  url varchar(512) NOT NULL,
  PRIMARY KEY (hostname, token)
) ENGINE=InnoDB DEFAULT CHARSET=ascii;
