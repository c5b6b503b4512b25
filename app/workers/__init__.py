"""Several processes that serve one port as one service."""
