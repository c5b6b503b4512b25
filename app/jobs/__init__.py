"""Batches that outlive a connection and a restart: kept in a database, run by DBOS's durable queue."""
