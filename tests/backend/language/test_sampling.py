"""How a client wants words chosen."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.backend.language.sampling import sampling_of
from realtime.backend.pb import backend_pb2 as pb
from realtime.engines.sampling import Sampling
from realtime.errors import InvalidRequest


def test_nothing_said_is_the_engines_own_way() -> None:
    assert sampling_of(pb.PredictOptions()) == Sampling()


def test_everything_said_is_handed_on() -> None:
    request = pb.PredictOptions(
        TopP=0.5,
        TopK=40,
        MinP=0.25,
        TypicalP=0.75,
        Seed=9,
        StopPrompts=["###", ""],
        FrequencyPenalty=0.5,
        PresencePenalty=-0.5,
        Penalty=1.5,
        Repeat=32,
        Mirostat=2,
        MirostatTAU=4,
        MirostatETA=0.125,
        LogitBias='{"7": -100, "3": 1.5}',
        IgnoreEOS=True,
        TopLogprobs=3,
    )
    assert sampling_of(request) == Sampling(
        top_p=0.5,
        top_k=40,
        min_p=0.25,
        typical_p=0.75,
        seed=9,
        stop=("###",),
        frequency_penalty=0.5,
        presence_penalty=-0.5,
        repeat_penalty=1.5,
        repeat_tokens=32,
        mirostat=2,
        mirostat_tau=4,
        mirostat_eta=0.125,
        logit_bias=((3, 1.5), (7, -100.0)),
        ignore_end=True,
        alternatives=3,
    )


def test_what_concerns_loading_or_other_engines_is_ignored() -> None:
    request = pb.PredictOptions(
        Threads=4, Batch=512, NKeep=5, F16KV=True, DebugMode=True, TailFreeSamplingZ=1, PenalizeNL=True, MLock=True
    )
    request.MMap = request.PromptCacheAll = request.PromptCacheRO = request.Debug = True
    request.MainGPU = request.TensorSplit = request.PromptCachePath = request.NegativePrompt = "x"
    request.RopeFreqBase = request.RopeFreqScale = request.NegativePromptScale = request.NDraft = 2
    assert sampling_of(request) == Sampling()


def test_a_seed_below_zero_is_another_each_time() -> None:
    seeds = {sampling_of(pb.PredictOptions(Seed=-1)).seed for _ in range(4)}
    assert len(seeds) > 1
    assert all(seed is not None and seed >= 0 for seed in seeds)


def test_either_field_asks_for_probabilities() -> None:
    """LocalAI fills both for `logprobs`, and OpenAI's number for `top_logprobs` counts."""
    assert sampling_of(pb.PredictOptions(Logprobs=1)).alternatives == 1
    assert sampling_of(pb.PredictOptions(Logprobs=1, TopLogprobs=5)).alternatives == 5


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("Temperature", -0.5, "out_of_range"),
        ("Temperature", float("nan"), "out_of_range"),
        ("TopP", 1.5, "out_of_range"),
        ("TopP", -0.5, "out_of_range"),
        ("MinP", 2, "out_of_range"),
        ("TypicalP", 2, "out_of_range"),
        ("Penalty", -1, "out_of_range"),
        ("FrequencyPenalty", float("inf"), "out_of_range"),
        ("PresencePenalty", float("-inf"), "out_of_range"),
        ("Repeat", -1, "out_of_range"),
        ("Mirostat", 3, "out_of_range"),
        ("MirostatTAU", -1, "out_of_range"),
        ("MirostatETA", -1, "out_of_range"),
        ("Logprobs", -1, "out_of_range"),
        ("TopLogprobs", 21, "out_of_range"),
        ("LogitBias", "[1]", "invalid_value"),
        ("LogitBias", '{"word": 1}', "invalid_value"),
        ("LogitBias", '{"-1": 1}', "invalid_value"),
        ("LogitBias", '{"1": 101}', "invalid_value"),
        ("LogitBias", '{"4294967297": 1}', "invalid_value"),
    ],
)
def test_what_no_engine_could_take_is_refused_by_name(field: str, value: Any, code: str) -> None:
    with pytest.raises(InvalidRequest, match=f"'{field}'") as refused:
        sampling_of(pb.PredictOptions(**{field: value}))
    assert (refused.value.param, refused.value.reason) == (field, code)


def test_a_text_by_a_grammar_ends_where_the_grammar_does() -> None:
    with pytest.raises(InvalidRequest, match="'IgnoreEOS'"):
        sampling_of(pb.PredictOptions(Grammar='root ::= "x"', IgnoreEOS=True))
