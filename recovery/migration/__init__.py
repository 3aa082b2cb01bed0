"""Moving a live database: plan, start, status, verify, cutover and abort, on PostgreSQL's own logical replication."""
