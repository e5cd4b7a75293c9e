"""Compressed files, read and written as plain bytes: gzip from the standard library, zstd from the extra `batch`."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, cast

from service.extras import imported

COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}
GZIP_LEVEL = 6
ZSTD_LEVEL = 3
BLOCK = 4096  # of compressed bytes: a block of zeros must not unfold to more than memory holds


class CutShortError(Exception):
    """A compressed file ends before its content does."""


BROKEN: tuple[type[Exception], ...] = (gzip.BadGzipFile, EOFError, zlib.error, CutShortError)
READ_ERRORS: tuple[type[Exception], ...] = (OSError, *BROKEN)


def decompressed(raw: BinaryIO, compression: str) -> BinaryIO:
    """Give the plain bytes of an open file. Reading raises one of READ_ERRORS when the file is broken or cut short."""
    if compression == "gzip":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb"))
    if compression == "zstd":
        return cast(BinaryIO, io.BufferedReader(_Zstd(raw), 1 << 17))
    return raw


def check_library(compression: str) -> None:
    """Raise ExtraError when the library for a compression is absent."""
    if compression == "zstd":
        imported("zstandard", "batch")


@contextmanager
def compressed(raw: BinaryIO, compression: str) -> Iterator[BinaryIO]:
    """Write into an open file, compressed; the same bytes give the same bytes (no name, no time)."""
    if compression == "gzip":
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=GZIP_LEVEL, mtime=0) as file:
            yield cast(BinaryIO, file)
    elif compression == "zstd":
        writer = imported("zstandard", "batch").ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
        with writer.stream_writer(raw, closefd=False) as file:
            yield file
    else:
        yield raw


class _Zstd(io.RawIOBase):
    """A zstd file of any number of frames. The library's own reader takes a file that was cut short for a whole one; this does not."""

    def __init__(self, raw: BinaryIO) -> None:
        self.raw = raw
        self.library = imported("zstandard", "batch")
        self.frame: Any = None
        self.rest = b""
        self.plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self.plain:
            if not self._unfold():
                return 0
        taken = min(len(buffer), len(self.plain))
        buffer[:taken] = self.plain[:taken]
        self.plain = self.plain[taken:]
        return taken

    def _unfold(self) -> bool:
        block = self.rest or self.raw.read(BLOCK)
        self.rest = b""
        if not block:
            if self.frame is not None:
                raise CutShortError("the compressed file is cut short")
            return False
        if self.frame is None:
            self.frame = self.library.ZstdDecompressor().decompressobj()
        try:
            self.plain = memoryview(self.frame.decompress(block))
        except self.library.ZstdError as error:
            raise CutShortError(f"not whole zstd: {error}") from error
        if self.frame.eof:
            self.rest, self.frame = self.frame.unused_data, None
        return True
