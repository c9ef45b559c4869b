"""Engines that live behind somebody else's `Backend`.

connection       how another machine is reached: addresses, token, TLS, limits
reachable        whether it is there, asked once before anything is served
channels         calls to one or several addresses: balance, deadlines, second tries, cancelling
refusals         what another machine answers in place of an answer, as our errors
shared           files that both machines see
speech_requests  what is said to a backend that answers speech with speech
speech_line      the stream on which it is said, from its beginning to its end or failure
speech_debt      what such a backend owes: an answer, its end, a word that it stopped
speech_inbox     what has come of an answer, for whoever takes it
spoken_answer    what it answers

Every other module is an engine of its kind, opened by `grpc://host:port` in the configuration.
"""
