"""Streams of any `Backend`, as whoever calls one has them: for measuring, not for engines.

dial                 to a backend, by its address
conversation_stream  `AudioToAudioStream`, spoken into
transform_stream     `AudioTransformStream`
"""
