"""Condenser for agents by the Model Context Protocol: over HTTP at `/mcp`, and on standard input and output."""
