"""Calls for which no engine of this project has a model, and why."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NO_MODEL = (
    "this server has no engine for {}; name a backend that has one in the setting 'grpc.routes': {} = \"grpc://…\""
)

UNSERVED: Mapping[str, str] = MappingProxyType(
    {
        "GenerateImage": "images",
        "GenerateVideo": "videos",
        "Detect": "objects in pictures",
        "FaceVerify": "faces",
        "FaceAnalyze": "faces",
        "StartFineTune": "fine-tuning",
        "FineTuneProgress": "fine-tuning",
        "StopFineTune": "fine-tuning",
        "ListCheckpoints": "fine-tuning",
        "ExportModel": "fine-tuning",
        "StartQuantization": "quantization",
        "QuantizationProgress": "quantization",
        "StopQuantization": "quantization",
    }
)
"""What each such call is about."""


def why_not(name: str) -> str:
    """Why the call `name` is not answered, and what would help."""
    return f"'{name}': " + _NO_MODEL.format(UNSERVED[name], name)
