"""Sound as such: `AudioEncode`, `AudioDecode`, `AudioTransform` and its stream.

codec      answers the calls that code sound
codings    streams that are coded over several calls
transform  answers the calls that make it anew
frames     a stream's frames as samples, and back
"""
