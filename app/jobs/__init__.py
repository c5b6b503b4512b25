"""Batches that outlive a connection and a restart: stored in a database and run by DBOS's durable queue."""
