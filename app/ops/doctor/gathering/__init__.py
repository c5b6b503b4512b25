"""Looking: every module here reads something of the machine or of a server, bounded in time, without root."""
