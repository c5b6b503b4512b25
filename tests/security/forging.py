"""Capsules that somebody makes up, with a right check value around whatever they hold."""

import base64
import hashlib

import zstandard

from app.capsule.format import Capsule

EXACT, UTF16 = 1, 2  # the flags in a payload's head


def number(value: int) -> bytes:
    """Unsigned LEB128."""
    encoded = b""
    while value > 0x7F:
        encoded, value = encoded + bytes([value & 0x7F | 0x80]), value >> 7
    return encoded + bytes([value])


def string(encoded: bytes) -> bytes:
    """A string with its length before it."""
    return number(len(encoded)) + encoded


NAMES = string(b"a-model") + string(b"1")


def frame_of(stream: bytes, *, declares_size: bool = True) -> bytes:
    """A Zstandard frame without its magic number, made without a dictionary."""
    return zstandard.ZstdCompressor(level=1, write_content_size=declares_size).compress(stream)[4:]


def declaring(stream: bytes, size: int) -> bytes:
    """A frame that holds `stream` and declares `size` bytes."""
    blocks = frame_of(stream, declares_size=False)[2:]
    return b"\xe0" + size.to_bytes(8, "little") + blocks  # a single segment, eight bytes of content size


def capsule(frame: bytes, declared: int, source: bytes = b"", *, flags: int = EXACT) -> Capsule:
    """A capsule that declares a source of so many bytes, and has the SHA-256 of `source`."""
    sha256 = hashlib.sha256(source).digest()
    body = bytes([flags]) + number(declared) + number(10) + (b"" if flags & EXACT else sha256) + frame
    return with_bytes(hashlib.sha256(body + sha256).digest()[:8] + body)


def with_bytes(data: bytes) -> Capsule:
    """A capsule of that payload alone."""
    return Capsule(version=1, payload=base64.b64encode(data).decode())


def exact(source: bytes, summary: bytes = b"") -> Capsule:
    """A capsule that says nothing wrong."""
    return capsule(frame_of(NAMES + string(source) + summary), len(source), source)
