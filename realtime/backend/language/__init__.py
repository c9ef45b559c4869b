"""The language model: `Predict` and its stream, `TokenizeString`, `Detokenize`, `ModelMetadata`, `GetMetrics`.

room       answers the calls that write
prompts    what the model reads
functions  the tools that it may call
sampling   how it chooses its words
metadata   answers those about the model
"""
