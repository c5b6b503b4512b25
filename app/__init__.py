"""Condenser: text compression with checked facts and byte-exact reconstruction, in front of Ollama."""

from importlib.metadata import version

__version__ = version("condenser")
