"""gRPC: our engines offered as a `Backend`, and engines of other machines reached through one.

door           the port: TLS, tokens, health, reflection
service        which call is answered where
calls          what holds for every call: limits, deadlines, errors as statuses
premises       what every call may use
files          the folders that calls may name files in
models         what is loaded, loads, and goes
routes         calls that another backend answers
remote/        engines that live behind somebody else's `Backend`
caller/        such a `Backend`'s streams, for whoever measures it
pb/            generated from proto/

Every other module answers the calls about its noun. Each is a class whose methods take a message, or an iterator of
messages, and return or yield messages: they know nothing of gRPC, and raise the errors of `realtime.errors`.
"""
