"""A batch as bytes: a header line, one line a row, a trailer line; compressed for the way.

The batch's identity is its digest: SHA-256 of the uncompressed bytes. Compressing it again,
or not at all, changes nothing.
"""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec
import zstandard

from sync_protocol.contract.canonical import NotCanonicalError, canonical_json, read_canonical, sha256_hex
from sync_protocol.contract.messages import BatchHeader, BatchTrailer, to_json
from sync_protocol.contract.versions import READABLE

ZSTD_LEVEL: Final = 3
MAX_WIRE_BYTES: Final = 16 * 2**20
MAX_PAYLOAD_BYTES: Final = 64 * 2**20
CONTENT_TYPE: Final = "application/vnd.branchline.batch+ndjson"


class MalformedBatchError(ValueError):
    """The bytes are not a whole batch; the sentence says which part is wrong."""


class UnreadableProtocolError(ValueError):
    """The batch is of a protocol version that is not read here."""


class OversizeError(ValueError):
    """The batch is larger than a receiver accepts."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch that is whole: `block` holds the row lines (no final newline), `digest` its identity."""

    header: BatchHeader
    block: bytes
    digest: str

    @property
    def idempotency_key(self) -> str:
        """Return the one name of this batch: node, lineage, channel and number."""
        header = self.header
        return f"{header.node}/{header.lineage}/{header.channel}/{header.batch_no}"


def build_payload(header: BatchHeader, block: bytes) -> bytes:
    """Return the uncompressed bytes of a batch; the same header and block always give the same bytes."""
    body = canonical_json(to_json(header)) + b"\n" + (block + b"\n" if block else b"")
    trailer = canonical_json(to_json(BatchTrailer(rows=header.rows, sha256=sha256_hex(body))))
    return body + trailer + b"\n"


def parse_payload(payload: bytes) -> Batch:
    """Return the batch in `payload`; raises MalformedBatchError unless it is whole and unchanged.

    Raises UnreadableProtocolError when its header names a protocol version that is not read here.
    """
    if not payload.endswith(b"\n"):
        msg = "the last line is cut off"
        raise MalformedBatchError(msg)
    header_end = payload.find(b"\n")
    trailer_start = payload.rfind(b"\n", 0, len(payload) - 1) + 1
    if trailer_start <= header_end:
        msg = "header or trailer is missing"
        raise MalformedBatchError(msg)
    trailer = _read_trailer(payload[trailer_start:-1])
    digest = hashlib.sha256(memoryview(payload)[:trailer_start])
    if digest.hexdigest() != trailer.sha256:
        msg = "the content does not have the digest its trailer states"
        raise MalformedBatchError(msg)
    header = _read_header(payload[:header_end])
    block = payload[header_end + 1 : trailer_start - 1]
    rows = block.count(b"\n") + 1 if block else 0
    if not rows == header.rows == trailer.rows:
        msg = f"{rows} rows, but header says {header.rows} and trailer {trailer.rows}"
        raise MalformedBatchError(msg)
    digest.update(payload[trailer_start:])
    return Batch(header=header, block=block, digest=digest.hexdigest())


def compress(payload: bytes) -> bytes:
    """Return `payload` compressed with zstd."""
    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(payload)


def fits(payload: bytes, body: bytes) -> bool:
    """Whether a receiver takes a batch of these bytes, compressed to `body`."""
    return len(payload) <= MAX_PAYLOAD_BYTES and len(body) <= MAX_WIRE_BYTES


def decompress(body: bytes, encoding: str, *, limit: int = MAX_PAYLOAD_BYTES) -> bytes:
    """Return the payload of a request body; never makes more than `limit` bytes.

    `encoding` is zstd, gzip or identity. Raises MalformedBatchError and OversizeError.
    """
    if encoding == "identity":
        payload = body
    elif encoding == "gzip":
        payload = _gunzip(body, limit)
    else:
        payload = _unzstd(body, limit)
    if len(payload) > limit:
        raise OversizeError(limit)
    return payload


def _unzstd(body: bytes, limit: int) -> bytes:
    try:
        frame = zstandard.get_frame_parameters(body)
        if (
            frame.content_size not in {zstandard.CONTENTSIZE_UNKNOWN, zstandard.CONTENTSIZE_ERROR}
            and frame.content_size > limit
        ):
            raise OversizeError(limit)
        return zstandard.ZstdDecompressor(max_window_size=2**27).decompress(
            body, max_output_size=limit + 1, allow_extra_data=False
        )
    except zstandard.ZstdError as error:
        msg = f"zstd: {error}"
        raise MalformedBatchError(msg) from error


def _gunzip(body: bytes, limit: int) -> bytes:
    inflater = zlib.decompressobj(wbits=31)
    try:
        payload = inflater.decompress(body, limit + 1)
    except zlib.error as error:
        msg = f"gzip: {error}"
        raise MalformedBatchError(msg) from error
    if not inflater.eof and len(payload) <= limit:
        msg = "gzip: the stream is cut off"
        raise MalformedBatchError(msg)
    if inflater.unused_data:
        msg = "gzip: something follows the stream"
        raise MalformedBatchError(msg)
    return payload


def _read_header(line: bytes) -> BatchHeader:
    try:
        document = read_canonical(line)
        # Before the rest is looked at: the header of another version may have another shape.
        protocol = document.get("protocol") if isinstance(document, dict) else None
        if isinstance(protocol, int) and protocol not in READABLE:
            raise UnreadableProtocolError(str(protocol)[:20])
        return msgspec.convert(document, BatchHeader)
    except (NotCanonicalError, msgspec.ValidationError) as error:
        msg = f"header: {error}"
        raise MalformedBatchError(msg) from error


def _read_trailer(line: bytes) -> BatchTrailer:
    try:
        return msgspec.convert(read_canonical(line), BatchTrailer)
    except (NotCanonicalError, msgspec.ValidationError) as error:
        msg = f"trailer: {error}"
        raise MalformedBatchError(msg) from error
