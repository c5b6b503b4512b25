"""Condenser: text compression in whole, checked sentences, with byte-exact reconstruction, in front of Ollama."""

from importlib.metadata import version

__version__ = version("condenser")
