"""Probes: each module reads something about the machine or a server, with a time limit, without root."""
