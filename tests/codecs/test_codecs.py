"""What holds for every codec of the table: names, rates, ragged streams, big pieces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.codecs import CODECS, Codec, find_codec
from realtime.errors import InvalidRequest
from tests.codecs.signals import cut, noise

ALL = pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS.keys())
SIZES = st.lists(st.integers(1, 5_000), min_size=1, max_size=20)


def test_the_formats_of_the_protocol_at_their_rates() -> None:
    """The names and rates of the Realtime protocol."""
    rates = {name: codec.rate_hz for name, codec in CODECS.items()}
    assert rates == {"audio/pcm": 24_000, "audio/pcmu": 8_000, "audio/pcma": 8_000}
    assert all(codec.name == name for name, codec in CODECS.items())


@ALL
def test_a_codec_is_found_by_its_name(codec: Codec) -> None:
    """Shared: the same object for everybody."""
    assert find_codec(codec.name) is codec


def test_an_unknown_name_is_the_clients_fault() -> None:
    """The error names the field and what would have worked."""
    with pytest.raises(InvalidRequest, match=r"'audio/mp3'.*audio/pcm, audio/pcmu, audio/pcma") as caught:
        find_codec("audio/mp3", param="session.audio.input.format.type")
    assert caught.value.param == "session.audio.input.format.type"


@ALL
@given(data=st.binary(max_size=20_000), sizes=SIZES)
@settings(max_examples=60, deadline=None)
def test_a_stream_may_be_cut_anywhere(codec: Codec, data: bytes, sizes: list[int]) -> None:
    """Piece by piece the same samples as at once, and what is pending at the end is the same."""
    whole, pieces = codec.decoder(), codec.decoder()
    wanted = whole.decode(data)
    got = [pieces.decode(piece) for piece in cut(data, sizes)]
    assert np.array_equal(np.concatenate([*got, np.zeros(0, np.float32)]), wanted)
    assert pieces.pending_bytes == whole.pending_bytes
    one_byte_each = len(codec.encode(np.zeros(1, np.float32)))
    assert len(wanted) * one_byte_each + pieces.pending_bytes == len(data)


@ALL
def test_a_megabyte_at_once(codec: Codec) -> None:
    """The largest append a client may send, with a ragged end, then its missing byte."""
    decoder, data = codec.decoder(), noise(1 << 18).tobytes()[:-1]
    first = decoder.decode(data)
    last = decoder.decode(b"\x00")
    width = len(codec.encode(np.zeros(1, np.float32)))
    assert len(first) + len(last) == (1 << 20) // width
    assert decoder.pending_bytes == 0


@ALL
def test_nothing_in_nothing_out(codec: Codec) -> None:
    """Empty bytes and empty sound."""
    assert codec.encode(np.zeros(0, np.float32)) == b""
    empty = codec.decoder().decode(b"")
    assert empty.shape == (0,)
    assert empty.dtype == np.float32


@ALL
def test_a_decoder_can_begin_again(codec: Codec) -> None:
    """After `reset` it is as new, also in the middle of a sample."""
    decoder, data = codec.decoder(), codec.encode(noise(100))
    decoder.decode(data[:33])
    decoder.reset()
    assert decoder.pending_bytes == 0
    assert np.array_equal(decoder.decode(data), codec.decoder().decode(data))


@ALL
def test_the_samples_belong_to_the_caller(codec: Codec) -> None:
    """They may be written on: neither the bytes nor a shared table is behind them."""
    data = codec.encode(noise(64))
    first = codec.decoder().decode(data)
    kept = first.copy()
    first[:] = 9
    assert np.array_equal(codec.decoder().decode(data), kept)
