"""onnxruntime, set up for inference that shares the machine."""

from __future__ import annotations

from pathlib import Path

import onnxruntime

from realtime.errors import ModelUnavailable


def open_session(path: Path, threads: int = 1) -> onnxruntime.InferenceSession:
    """The model at `path`, ready to run on `threads` threads that sleep while there is nothing to do.

    One session is safe to run from any number of threads. Raises `ModelUnavailable` for a file that is no model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    # Spinning threads win microseconds in one session and take them from every other engine of the process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as problem:  # onnxruntime's errors have no common base but this
        raise ModelUnavailable(f"{path} is not a model that onnxruntime can read") from problem
