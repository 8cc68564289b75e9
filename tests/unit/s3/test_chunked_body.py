"""Decode aws-chunked bodies."""

import io

import pytest

from modelarts_emulator.contract.errors import ApiError
from modelarts_emulator.contract.storage_errors import (
    ACCESS_DENIED,
    INCOMPLETE_BODY,
    INVALID_REQUEST,
    MALFORMED_TRAILER,
    SIGNATURE_MISMATCH,
)
from modelarts_emulator.s3.chunked_body import decode_chunks, is_chunked

UNSIGNED = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER"}
SIGNED = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"}


class Check:
    """Believes what is signed with ``good``, and keeps the trailer that it has been shown."""

    shown = None

    def chunk(self, signature, data):
        if signature != "good":
            raise ApiError(SIGNATURE_MISMATCH)

    def trailer(self, signature, lines):
        self.shown = lines
        self.chunk(signature, lines)


def read(body, headers=UNSIGNED, check=None):
    return b"".join(decode_chunks(io.BytesIO(body), headers, check))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5\r\nhello\r\n6\r\n world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", b"hello world"),
        (b"0\r\n\r\n", b""),
        (b"A;chunk-signature=abc\r\n0123456789\r\n0;chunk-signature=def\r\n\r\n", b"0123456789"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    ],
)
def test_decode_chunks_joins_the_chunks(body, expected):
    assert read(body) == expected


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"", INCOMPLETE_BODY),
        (b"5\r\nhel", INCOMPLETE_BODY),
        (b"5\r\nhello\r\n", INCOMPLETE_BODY),
        (b"5\r\nhello!\r\n0\r\n\r\n", INVALID_REQUEST),
        (b"-5\r\nhello\r\n", INVALID_REQUEST),
        (b"0x5\r\nhello\r\n", INVALID_REQUEST),
        (b"xyz\r\n", INVALID_REQUEST),
        (b"\r\n", INVALID_REQUEST),
        (b"1" * 5000, INCOMPLETE_BODY),
    ],
)
def test_decode_chunks_refuses_malformed_chunks(body, expected):
    with pytest.raises(ApiError) as caught:
        read(body)
    assert caught.value.error is expected


def test_decode_chunks_requires_the_announced_length():
    headers = {**UNSIGNED, "x-amz-decoded-content-length": "6"}
    with pytest.raises(ApiError) as caught:
        read(b"5\r\nhello\r\n0\r\n\r\n", headers)
    assert caught.value.error is INCOMPLETE_BODY


def test_decode_chunks_yields_no_chunk_before_it_is_verified():
    body = b"2;chunk-signature=good\r\nok\r\n3;chunk-signature=bad\r\nbad\r\n0;chunk-signature=good\r\n\r\n"
    pieces = decode_chunks(io.BytesIO(body), SIGNED, Check())
    assert next(pieces) == b"ok"
    with pytest.raises(ApiError) as caught:
        next(pieces)
    assert caught.value.error is SIGNATURE_MISMATCH


def test_decode_chunks_refuses_a_chunk_without_its_signature():
    with pytest.raises(ApiError) as caught:
        read(b"5\r\nhello\r\n0\r\n\r\n", SIGNED, Check())
    assert caught.value.error is ACCESS_DENIED


TRAILER = {
    "x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "x-amz-trailer": "x-amz-checksum-crc32",
}
SIGNED_CHUNKS = b"2;chunk-signature=good\r\nok\r\n0;chunk-signature=good\r\n"


def test_decode_chunks_returns_and_verifies_trailers():
    check, trailers = Check(), {}
    body = SIGNED_CHUNKS + b"x-amz-checksum-crc32: AAAA\r\nx-amz-trailer-signature:good\r\n\r\n"
    assert b"".join(decode_chunks(io.BytesIO(body), TRAILER, check, trailers)) == b"ok"
    assert trailers == {"x-amz-checksum-crc32": "AAAA"}
    assert check.shown == b"x-amz-checksum-crc32: AAAA\n"


@pytest.mark.parametrize(
    ("trailer", "expected"),
    [
        (b"x-amz-checksum-crc32:AAAA\r\nx-amz-trailer-signature:bad\r\n\r\n", SIGNATURE_MISMATCH),
        (b"x-amz-checksum-crc32:AAAA\r\n\r\n", SIGNATURE_MISMATCH),
        (b"x-amz-trailer-signature:good\r\n\r\n", MALFORMED_TRAILER),
        (b"\r\n", MALFORMED_TRAILER),
        (b"", MALFORMED_TRAILER),
    ],
)
def test_decode_chunks_refuses_trailers_that_differ_from_the_announced(trailer, expected):
    with pytest.raises(ApiError) as caught:
        read(SIGNED_CHUNKS + trailer, TRAILER, Check())
    assert caught.value.error is expected


def test_is_chunked_recognizes_both_headers():
    assert is_chunked({"content-encoding": "aws-chunked"})
    assert is_chunked({"content-encoding": "gzip, aws-chunked"})
    assert is_chunked(SIGNED)
    assert not is_chunked({"content-encoding": "gzip", "x-amz-content-sha256": "UNSIGNED-PAYLOAD"})
