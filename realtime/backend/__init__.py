"""gRPC: our engines offered as a `Backend`, and engines of other machines reached through one.

door               the port: TLS, tokens, health, reflection
service            which call is answered where
calls              what holds for every call: limits, deadlines, errors as statuses
premises           what every call may use
files              the folders that calls may name files in
models             what is loaded, loads, and goes
routes             calls that another backend answers
language/          answers of the language model
hearing/           speech into words
voice              words into speech
speakers/          whose voice it is
sound/             coded, and made anew
speech_to_speech/  conversations
embedding, stores  what texts mean, and what is kept by it
remote/            engines that live behind somebody else's `Backend`
caller/            such a `Backend`'s streams, for whoever measures it
pb/                generated from proto/

Who answers calls is a class whose methods take a message, or an iterator of messages, and return or yield messages:
they know nothing of gRPC, and raise the errors of `realtime.errors`.
"""
