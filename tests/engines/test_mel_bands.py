"""The bands in which models hear; against Whisper's own they are held in `test_log_mel`."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.engines.mel_bands import mel_bands


@pytest.mark.parametrize(("bands", "frame_samples"), [(80, 400), (40, 512)])
def test_every_band_hears_something_and_rises_to_one_peak(bands: int, frame_samples: int) -> None:
    shares = mel_bands(bands, frame_samples, 16_000)
    assert shares.shape == (frame_samples // 2 + 1, bands)
    assert shares.min() == 0
    for band in shares.T:
        steps = np.sign(np.diff(band[np.flatnonzero(band)[0] - 1 : np.flatnonzero(band)[-1] + 2]))
        assert (np.diff(steps) <= 0).all()  # up, and then down


def test_peaks_are_even_below_a_kilohertz_and_grow_apart_above() -> None:
    """Told from a fine grid."""
    peaks = mel_bands(40, 1 << 14, 16_000).argmax(axis=0) * 16_000 / (1 << 14)
    apart = np.diff(peaks)
    low = peaks[1:] < 1000
    np.testing.assert_allclose(apart[low], apart[0], rtol=0.05)
    ratios = peaks[1:][~low][1:] / peaks[1:][~low][:-1]
    np.testing.assert_allclose(ratios, ratios[0], rtol=0.01)


def test_bands_have_the_same_area() -> None:
    """So that noise, which is everywhere the same, is in all of them."""
    shares = mel_bands(40, 1 << 14, 16_000)
    np.testing.assert_allclose(shares.sum(axis=0), shares.sum(axis=0)[0], rtol=0.02)
